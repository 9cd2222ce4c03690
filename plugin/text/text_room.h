// Appends many short pieces to a string: room is made once, and each piece is then a copy and one
// comparison, where std::string looks at capacity, size and terminator every time.
//
//   TextRoom room(100, &out);
//   room.Add("id=");
//   room.Add(id);
//
// Ownership: the string belongs to the room until that goes; then it ends behind the last piece.
// Errors:    as std::string; a guess that was too small costs time, nothing else.
#ifndef SESSION_STATUS_PLUGIN_TEXT_TEXT_ROOM_H_
#define SESSION_STATUS_PLUGIN_TEXT_TEXT_ROOM_H_

#include <cstddef>
#include <cstring>
#include <string>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"

namespace session_status::text {

class TextRoom {
 public:
  // `bytes` should be enough for all pieces.
  TextRoom(size_t bytes, std::string* out) : out_(out), at_(&(*out)[0] + out->size()) {
    Widen(bytes);
  }
  ~TextRoom() { out_->resize(used()); }
  TextRoom(const TextRoom&) = delete;
  TextRoom& operator=(const TextRoom&) = delete;

  // Inline by force: pieces are mostly constants, whose copy is then one or two moves.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Add(absl::string_view text) {
    if (static_cast<size_t>(end_ - at_) < text.size()) Widen(text.size() + kMoreBytes);
    if (text.empty()) return;  // which may have no address
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Add(char c) {
    if (end_ == at_) Widen(kMoreBytes);
    *at_++ = c;
  }

 private:
  static constexpr size_t kMoreBytes = 512;  // when the room is used up

  size_t used() const { return static_cast<size_t>(at_ - out_->data()); }

  ABSL_ATTRIBUTE_NOINLINE void Widen(size_t bytes) {
    const size_t used_bytes = used();
    out_->resize(used_bytes + bytes);
    at_ = &(*out_)[0] + used_bytes;
    end_ = &(*out_)[0] + out_->size();
  }

  std::string* const out_;
  char* at_;
  char* end_ = nullptr;
};

}  // namespace session_status::text

#endif  // SESSION_STATUS_PLUGIN_TEXT_TEXT_ROOM_H_
