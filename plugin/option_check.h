// Says whether the plugin would accept these options, for a tool that is not the plugin: knows the
// table and what a start does with the values, and shows nothing of the types behind them.
//
// Threads: one at a time; starts none.
#ifndef SESSION_STATUS_PLUGIN_OPTION_CHECK_H_
#define SESSION_STATUS_PLUGIN_OPTION_CHECK_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace session_status {

// `given`: names without plugin_opt_, and values. Whatever would stop the broker's start, each in
// the words it would be logged with; empty: nothing. Looks at each option, then, if all are right,
// at what contradicts another one, then at the URL and the certificate that a start would load; at
// certificates only as far as this process may read them.
std::vector<absl::Status> CheckOptions(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> given);

// Of options that CheckOptions() accepts: which lines change nothing beside the others, each in the
// words it would be logged with.
std::vector<std::string> WithoutEffect(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> given);

// What a status answer tells of the options: what of them can be compared with a broker that runs.
struct ToldOptions {
  std::string instance_id;
  absl::Duration snapshot_refresh;
  absl::Duration offline_grace;
  std::string fleet_name;  // empty: no fleet
  bool has_session_database = false;
  bool has_webhook = false;
  bool has_topics = false;
  bool has_control = false;
};

// Not OK: CheckOptions has more to say.
absl::StatusOr<ToldOptions> ToldBy(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> given);

// Instances that the access file lists and a server with these options does not serve, in the words
// of its log; empty: none, or nobody can tell (no access file, or one that this process cannot
// read).
std::string UnservedInstances(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> given);

// What is wrong with the certificates, or the list of revoked ones, in this option's file by their
// dates ("/x.pem: a certificate in it has expired on …"); empty: nothing, or nobody can tell.
// nullopt: the option has neither.
struct CertificateCheck {
  std::string complaint;
  // When somebody has to renew it: infinite for lists, which their CA renews every few days.
  absl::Time ends;
};
absl::optional<CertificateCheck> CheckCertificate(absl::string_view option, const std::string& path,
                                                  absl::Time now);

// What is in the secret file of this option, as the plugin would read it. OK of options whose file
// is not read here.
absl::Status CheckSecretFile(absl::string_view option, const std::string& path);

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_OPTION_CHECK_H_
