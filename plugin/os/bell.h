// Wakes one thread of ours from others that must not wait: the broker's among them.
//
// Threads: Ring(): any, never waits. Wait(): the one thread that is woken.
#ifndef SESSION_STATUS_PLUGIN_OS_BELL_H_
#define SESSION_STATUS_PLUGIN_OS_BELL_H_

namespace session_status::os {

class Bell {
 public:
  Bell();
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  bool ok() const { return fd_ >= 0; }  // false: the system gave no descriptor
  void Ring();
  // Returns after a Ring() that came since the last Wait(), however many there were.
  void Wait();

 private:
  const int fd_;
};

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_BELL_H_
