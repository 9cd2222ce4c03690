// A file system of a megabyte that can be filled and be mounted read-only. Only root of a
// machine that lets him mount has one.
#ifndef SESSION_STATUS_TESTS_TESTING_SMALL_DISK_H_
#define SESSION_STATUS_TESTS_TESTING_SMALL_DISK_H_

#include <sys/mount.h>

#include <fstream>
#include <string>
#include <utility>

namespace session_status::testing {

class SmallDisk {
 public:
  // `folder` exists and outlives this.
  explicit SmallDisk(std::string folder) : folder_(std::move(folder)), is_there_(Mount(0)) {}
  ~SmallDisk() {
    if (is_there_) umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool is_there() const { return is_there_; }  // else skip the test
  const std::string& folder() const { return folder_; }

  // Not a byte is left afterwards. Returns the file that took them.
  std::string Fill() const {
    std::string name = folder_ + "/filler";
    std::ofstream file(name, std::ios::binary);
    const std::string page(4096, 'x');  // what it gives out at a time
    while (file.write(page.data(), static_cast<std::streamsize>(page.size())) && file.flush()) {
    }
    return name;
  }

  // Nobody may have a file open for writing.
  bool MakeReadOnly() { return Mount(MS_REMOUNT | MS_RDONLY); }
  bool MakeWritable() { return Mount(MS_REMOUNT); }

 private:
  bool Mount(unsigned long flags) const {
    return mount("tmpfs", folder_.c_str(), "tmpfs", flags, "size=1m,mode=0755") == 0;
  }
  const std::string folder_;
  const bool is_there_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_SMALL_DISK_H_
