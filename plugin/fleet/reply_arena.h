// Where hiredis builds a connection's replies: memory given out in a row and taken back all at
// once. By itself hiredis allocates and frees three pieces per element, and a node that loads a
// million sessions reads two million elements.
//
// Threads:   one at a time, the connection's.
// Ownership: what is attached builds into this object, which outlives it.
#ifndef SESSION_STATUS_PLUGIN_FLEET_REPLY_ARENA_H_
#define SESSION_STATUS_PLUGIN_FLEET_REPLY_ARENA_H_

#include <cstddef>
#include <memory_resource>
#include <vector>

struct redisContext;

namespace session_status::fleet {

class ReplyArena {
 public:
  ReplyArena();
  ReplyArena(const ReplyArena&) = delete;
  ReplyArena& operator=(const ReplyArena&) = delete;

  // From now on replies of `context` live here, and are never freed by freeReplyObject().
  void Attach(redisContext* context);
  // Takes all replies back. REQUIRES: none is half received.
  void Reset() { memory_.release(); }

 private:
  std::vector<std::byte> first_;  // enough for a bucket; more comes from the heap until Reset()
  std::pmr::monotonic_buffer_resource memory_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_REPLY_ARENA_H_
