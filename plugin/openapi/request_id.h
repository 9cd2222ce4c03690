// Request identifiers: random UUIDs, upper case, as the documented API writes them.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_REQUEST_ID_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_REQUEST_ID_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace session_status::openapi {

// "63309FDB-ED6C-46AE-B31C-A172FBA00001", version 4. A value.
class RequestId {
 public:
  absl::string_view text() const { return {characters_.data(), characters_.size()}; }

 private:
  friend class RequestIds;
  std::array<char, 36> characters_;
};

// Takes its random bytes from OpenSSL's generator, a few hundred identifiers at a time: asking for
// each costs a system call and two locks.
//
// Threads: one at a time.
class RequestIds {
 public:
  RequestId Next();

 private:
  std::array<uint8_t, 4096> random_;
  size_t used_ = sizeof(random_);  // bytes of it that are spent
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_REQUEST_ID_H_
