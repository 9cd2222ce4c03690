// Byte strings too long for their place: client identifiers over 40 bytes, long user names.
//
// A string is a chain of 64-byte lines (56 bytes and the next line's number), so any free line
// serves any string: no size classes, no fragmentation, and the memory in use is bounded by the
// bytes in use.
//
// Threads:   Put, Free: writer. Equals, Read: any.
// Consistency: a reader may hold the number of a chain that is freed and reused meanwhile; it then
//            reads bytes of some other string and must validate by the version of the record that
//            gave it the number (session_record.h). It never leaves the store or loops.
#ifndef SESSION_STATUS_REGISTRY_LINE_STORE_H_
#define SESSION_STATUS_REGISTRY_LINE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "registry/reserved_memory.h"
#include "registry/session_record.h"

namespace session_status::registry {

class LineStore {
  static constexpr int kPayloadWords = 7;
  static constexpr size_t kPayloadBytes = size_t{kPayloadWords} * 8;

 public:
  // Room for `lines_max` lines.
  LineStore(uint32_t lines_max, ReservedMemory::Pages pages);

  // The number of the first line, or 0 if there is no room (nothing is kept then).
  // REQUIRES: !bytes.empty().
  uint32_t Put(absl::string_view bytes);
  void Free(uint32_t head);

  bool Equals(uint32_t head, absl::string_view bytes) const;
  void Read(uint32_t head, size_t length, std::string* out) const;

  static constexpr uint64_t LinesOf(size_t bytes) {
    return (bytes + kPayloadBytes - 1) / kPayloadBytes;
  }
  uint64_t capacity() const { return capacity_; }
  uint64_t lines_in_use() const { return lines_in_use_; }  // writer
  ReservedMemory& memory() { return memory_; }
  const ReservedMemory& memory() const { return memory_; }

 private:
  struct alignas(64) Line {
    Word payload[kPayloadWords];
    Word next;  // 0: the last one
  };

  uint32_t TakeLine();
  Line* line(uint32_t n) const { return memory_.as<Line>() + n; }

  ReservedMemory memory_;
  uint32_t capacity_;
  uint32_t fresh_ = 1;  // lines from here on were never used; 0 is no line
  uint32_t free_ = 0;   // chain of freed lines
  uint64_t lines_in_use_ = 0;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_LINE_STORE_H_
