// Counts transactions: what an operator could bill.
//
// A transaction is one successful call of the documented API, whatever the number of identifiers
// in it; a call that failed, was denied or throttled is none.
#ifndef SESSION_STATUS_PLUGIN_LIMITS_METER_H_
#define SESSION_STATUS_PLUGIN_LIMITS_METER_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace session_status::limits {

struct Transaction {
  absl::string_view account;
  absl::string_view user;
  absl::string_view instance;
  absl::string_view operation;
};

class Meter {
 public:
  virtual ~Meter() = default;

  // Counts one. False when it cannot be counted now: the caller then answers an error instead, so
  // that the count stays what callers saw succeed. Any thread; no I/O, no waiting for I/O.
  virtual bool TryCount(const Transaction& transaction, absl::Time now) = 0;
};

}  // namespace session_status::limits

#endif  // SESSION_STATUS_PLUGIN_LIMITS_METER_H_
