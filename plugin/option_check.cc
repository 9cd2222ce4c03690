#include "plugin/option_check.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/openapi/unserved_instances.h"
#include "plugin/options.h"
#include "plugin/transport/certificate_validity.h"
#include "plugin/transport/tls_context.h"
#include "plugin/webhook/http_post.h"
#include "plugin/webhook/libcurl.h"
#include "plugin/webhook/signer.h"

namespace session_status {
namespace {

using Given = std::pair<absl::string_view, absl::string_view>;

bool IsWrongAlone(const Given& option) {
  const absl::Span<const OptionSpec> table = OptionTable();
  const auto spec = std::find_if(table.begin(), table.end(),
                                 [&](const OptionSpec& s) { return s.name == option.first; });
  Options scratch;
  return spec == table.end() || !spec->set(option.second, &scratch).ok();
}

std::vector<absl::Status> CheckEach(absl::Span<const Given> given) {
  std::vector<absl::Status> wrong;
  std::set<absl::string_view> seen;
  for (const Given& option : given) {
    if (IsWrongAlone(option)) {
      wrong.push_back(ParseOptions({option}).status());
    } else if (seen.count(option.first) != 0) {
      wrong.push_back(ParseOptions({option, option}).status());
    }
    seen.insert(option.first);
  }
  return wrong;
}

// Options that contradict others. The one that is named is taken away, to see what else there is;
// with a place to listen also "admin_socket none", which asks for one.
std::vector<absl::Status> CheckTogether(absl::Span<const Given> given) {
  std::vector<absl::Status> wrong;
  std::vector<Given> left(given.begin(), given.end());
  for (;;) {
    const absl::Status status = ParseOptions(left).status();
    if (status.ok()) return wrong;
    wrong.push_back(status);
    const auto names = [&status](absl::string_view beginning) {
      return absl::StartsWith(status.message(), absl::StrCat("option plugin_opt_", beginning));
    };
    const auto end = std::remove_if(left.begin(), left.end(), [&](const Given& option) {
      return names(absl::StrCat(option.first, ":")) ||
             (option.first == "admin_socket" && names("admin_listen"));
    });
    if (end == left.end()) return wrong;
    left.erase(end, left.end());
  }
}

bool Readable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

absl::Status CheckTls(const transport::ListenerOptions& options) {
  const std::string& ca = options.tls_client_ca_file;
  if (options.tls_addresses.empty() || !Readable(options.tls_certificate_file) ||
      !Readable(options.tls_private_key_file) || !(ca.empty() || Readable(ca))) {
    return absl::OkStatus();
  }
  return transport::MakeTlsContext(options).status();
}

absl::Status CheckWebhook(const webhook::WebhookOptions& options) {
  if (options.url.empty()) return absl::OkStatus();
  const absl::StatusOr<webhook::Libcurl> curl = webhook::Libcurl::Load();
  absl::Status status = curl.ok() ? webhook::HttpPost::CheckUrl(*curl, options.url) : curl.status();
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("webhook_url: ", status.message()));
}

std::vector<absl::Status> TryStart(const Options& options) {
  std::vector<absl::Status> wrong;
  for (const absl::Status& s :
       {CheckTls(options.listener), CheckWebhook(options.following.webhook)}) {
    if (s.ok() || absl::IsResourceExhausted(s)) continue;  // no option's fault, and only of now
    wrong.emplace_back(s.code(), absl::StrCat("option plugin_opt_", s.message()));
  }
  return wrong;
}

}  // namespace

std::vector<absl::Status> CheckOptions(absl::Span<const Given> given) {
  std::vector<absl::Status> wrong = CheckEach(given);
  if (wrong.empty()) wrong = CheckTogether(given);
  if (!wrong.empty()) return wrong;
  return TryStart(*ParseOptions(given));
}

std::vector<std::string> WithoutEffect(absl::Span<const Given> given) {
  absl::StatusOr<Options> options = ParseOptions(given);
  return options.ok() ? std::move(options->without_effect) : std::vector<std::string>();
}

absl::StatusOr<ToldOptions> ToldBy(absl::Span<const Given> given) {
  const absl::StatusOr<Options> options = ParseOptions(given);
  if (!options.ok()) return options.status();
  ToldOptions told;
  told.instance_id = options->instance_id;
  told.snapshot_refresh = options->snapshot_refresh;
  told.offline_grace = options->offline_grace;
  if (!options->fleet.engines.empty()) told.fleet_name = options->fleet.name;
  told.has_session_database = !options->remembering.database.empty();
  told.has_webhook = !options->following.webhook.url.empty();
  told.has_topics = !options->over_mqtt.topics.prefix.empty();
  told.has_control = !options->over_mqtt.control_users.empty();
  return told;
}

std::string UnservedInstances(absl::Span<const Given> given) {
  const absl::StatusOr<Options> options = ParseOptions(given);
  if (!options.ok() || options->documented_api.access_file.empty()) return "";
  const auto file = auth::AccessFile::Load(options->documented_api.access_file,
                                           auth::AccessFile::Owner::kAnybodys);
  if (!file.ok()) return "";
  return openapi::UnservedInstances(
      **file, openapi::InstanceMap(InstanceOptions(options->documented_api, options->instance_id)));
}

absl::optional<CertificateCheck> CheckCertificate(absl::string_view option, const std::string& path,
                                                  absl::Time now) {
  using transport::PemContent;
  const bool list = option == "tls_client_crl_file";
  const bool ca = option == "tls_client_ca_file";
  if (!list && !ca && option != "tls_certificate_file") return absl::nullopt;
  const PemContent content = list ? PemContent::kRevocationList
                             : ca ? PemContent::kClientCa
                                  : PemContent::kChain;
  const absl::StatusOr<transport::Validity> validity = transport::ReadValidity(content, path);
  return CertificateCheck{transport::ComplaintAbout(content, path, now),
                          validity.ok() && !list ? validity->ends : absl::InfiniteFuture()};
}

absl::Status CheckSecretFile(absl::string_view option, const std::string& path) {
  if (option == "webhook_secret_file") return webhook::Signer::Load(path).status();
  if (option == "fleet_credentials_file") {
    fleet::Credentials credentials;
    return fleet::ReadCredentials(path, &credentials);
  }
  return absl::OkStatus();
}

}  // namespace session_status
