// When all certificates of a PEM file are good, or its list of revoked ones. OpenSSL takes one that
// is not without a word; who is refused then are the clients.
//
// Threads: any.
// Errors:  NotFound when the file cannot be read, InvalidArgument when there is none in it.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_CERTIFICATE_VALIDITY_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_CERTIFICATE_VALIDITY_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace session_status::transport {

// Of several certificates: from when on the last of them is good, and until when the first is.
struct Validity {
  absl::Time begins;
  absl::Time ends;
};

// The listener's certificate with those between it and its CA; the CAs of clients; a CA's list.
enum class PemContent { kChain, kClientCa, kRevocationList };

absl::StatusOr<Validity> ReadValidity(PemContent content, const std::string& file);

// "/x.pem: a certificate in it has expired on …"; empty: all are good, or nobody can tell.
std::string ComplaintAbout(PemContent content, const std::string& file, absl::Time now);

// When what was loaded from a file ends, so that it can be told of then. The file itself may hold
// something newer by that time, which nobody has loaded.
//
// Threads: Load: any, one at a time. TakeComplaint: one. ends: any. Only Load reads the file,
// nothing waits.
class ValidityWatch {
 public:
  // `file` empty: there is none.
  ValidityWatch(PemContent content, std::string file) : content_(content), file_(std::move(file)) {}

  // What is in the file now counts. What there is to complain of, as ComplaintAbout().
  std::string Load(absl::Time now);
  // Once: that it has ended since it was loaded. Empty, after two comparisons, at all other times.
  std::string TakeComplaint(absl::Time now);
  // In the infinite future: it has no end, nobody can tell, or nothing was loaded.
  absl::Time ends() const;

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  const PemContent content_;
  const std::string file_;
  // Seconds since 1970. relaxed: figures of their own. A load beside TakeComplaint() may have an
  // end told twice, and none forgotten.
  std::atomic<int64_t> ends_s_{kNever};
  std::atomic<int64_t> told_s_{kNever};  // the end that was told last
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_CERTIFICATE_VALIDITY_H_
