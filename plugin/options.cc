#include "plugin/options.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "plugin/option_setters.h"
#include "plugin/text/near_word.h"
#include "plugin/topics/topic_name.h"
#include "plugin/transport/buffer_pool.h"

namespace session_status {
namespace {

constexpr size_t kTcpAddressesMax = 16;
constexpr size_t kIdsMax = 64;

constexpr size_t kEnginesMax = 16;  // one shard of the fleet each, at least

absl::Status SetEngines(absl::string_view text, std::vector<fleet::EngineAddress>* out) {
  // By blanks alone: a list of Sentinels has commas of its own.
  std::vector<absl::string_view> words;
  if (text != "none") words = absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (text.empty() || words.size() > kEnginesMax) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" must be none or 1 to ",
                                                   kEnginesMax, " engines, separated by blanks"));
  }
  std::vector<fleet::EngineAddress> engines(words.size());
  for (size_t i = 0; i < words.size(); ++i) {
    if (absl::Status s = fleet::ParseEngineUrl(words[i], &engines[i]); !s.ok()) return s;
  }
  if (absl::Status s = fleet::CheckEngines(engines); !s.ok()) return s;
  *out = std::move(engines);
  return absl::OkStatus();
}

constexpr OptionSpec kOptions[] = {
    {"instance_id", "mosquitto",
     "Name of this instance; requests that name another one are refused. 1 to 64 bytes.",
     [](absl::string_view v, Options* o) { return SetText(v, 64, &o->instance_id); }},
    {"snapshot_refresh", "1s",
     "How often the snapshot that answers batches is replaced, so how old a batch answer may be. "
     "10ms to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Milliseconds(10), absl::Hours(1), &o->snapshot_refresh);
     }},
    {"offline_grace", "0s",
     "For this long after its connection broke a client stays online in batch answers, so that one "
     "that comes back at once never shows offline; single queries stay exact. 0s to 10m.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::ZeroDuration(), absl::Minutes(10), &o->offline_grace);
     }},
    {"sessions_max", "32000000",
     "How many clients there is room for, online and remembered; those beyond are not followed. "
     "Takes address space, some 400 bytes each, and memory only as they come; where the system "
     "grants less, the log says for how many. 1000 to 60000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1000, 60'000'000, &o->registry.sessions_max);
     }},
    {"ended_sessions_ttl", "24h",
     "How long a client that left, and whose session is gone, is remembered. 1s to 8760h. A clock "
     "that "
     "is set forward counts here when it has lasted an hour or two.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Seconds(1), absl::Hours(8760), &o->registry.ended_ttl);
     }},
    {"ended_sessions_max", "1000000",
     "How many such clients are remembered; the longest gone are forgotten first. Fewer where "
     "their "
     "names are very long or sessions_max is near (docs/operations.md, Sizing). 0 to 100000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 0, 100'000'000, &o->registry.ended_max);
     }},
    {"session_database", "none",
     "SQLite file that keeps what is known of clients over restarts of the broker, for example "
     "/var/lib/mosquitto/session_status.db (docs/persistence.md). One per broker, on a local disk. "
     "none: a restart forgets everything.",
     [](absl::string_view v, Options* o) { return SetDatabasePath(v, &o->remembering.database); }},
    {"session_database_flush", "500ms",
     "How often changes are written to it, so what a crash may lose. 10ms to 1m.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Milliseconds(10), absl::Minutes(1),
                          &o->remembering.flush_interval);
     }},
    {"session_history_ttl", "168h",
     "How long the database keeps beginnings and ends of connections; 0s: none. 0s to 8760h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::ZeroDuration(), absl::Hours(8760), &o->remembering.history_ttl);
     }},
    {"session_history_max", "1000000",
     "How many of them, about 200 bytes of disk each; the oldest go first. One with an identifier "
     "of "
     "more than 64 bytes counts as several, one for every 64. 1000 to 1000000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1000, 1'000'000'000, &o->remembering.history_max);
     }},
    {"observe_logins", "false",
     "Mosquitto 2.0 only, and required there: follow clients by watching their logins. Needs a "
     "password_file or another authentication plugin; see docs/broker-support.md.",
     [](absl::string_view v, Options* o) { return SetBool(v, &o->broker.observe_logins); }},
    {"audit_period", "1m",
     "Within this time every session is compared with the broker and repaired if an event was lost "
     "(mosquitto_session audit); 0s: never. 0s to 24h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::ZeroDuration(), absl::Hours(24), &o->audit.period);
     }},
    {"audit_slice_max", "200",
     "Sessions compared at a time, ten times a second, on the broker's thread; with more sessions "
     "than that allows, a pass takes longer than audit_period. 1 to 100000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 100'000, &o->audit.slice_max);
     }},
    {"audit_walk_max", "10000",
     "Mosquitto 2.1: clients of the broker's own table visited in one piece, at the end of a pass, "
     "to find connections that no event told of. 0 to 10000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 0, 10'000'000, &o->audit.walk_max);
     }},
    {"admin_socket", "/run/mosquitto/session_status.sock",
     "Unix socket of the admin service; none for no socket.",
     [](absl::string_view v, Options* o) {
       return SetAbsolutePath(v, &o->listener.unix_socket_path);
     }},
    {"admin_socket_mode", "0660", "File mode of the socket, octal.",
     [](absl::string_view v, Options* o) { return SetFileMode(v, &o->listener.unix_socket_mode); }},
    {"admin_socket_owner", "none", "User name or number that owns the socket; none: the broker's.",
     [](absl::string_view v, Options* o) {
       return SetNameOrNone(v, &o->listener.unix_socket_owner);
     }},
    {"admin_socket_group", "none", "Group name or number of the socket; none: the broker's.",
     [](absl::string_view v, Options* o) {
       return SetNameOrNone(v, &o->listener.unix_socket_group);
     }},
    {"admin_socket_uids", "none",
     "Numbers of the users who may use the socket, beside root, separated by blanks or commas; "
     "none: all whom its mode lets in.",
     [](absl::string_view v, Options* o) {
       return SetIds(v, kIdsMax, &o->listener.unix_allowed_uids);
     }},
    {"admin_socket_gids", "none",
     "Numbers of the groups whose members may use the socket, separated by blanks or commas; none: "
     "all whom its mode lets in.",
     [](absl::string_view v, Options* o) {
       return SetIds(v, kIdsMax, &o->listener.unix_allowed_gids);
     }},
    {"metrics_socket_uids", "none",
     "Numbers of the users who may read /metrics, /healthz and /readyz on the socket and nothing "
     "else, unless admin_socket_uids or admin_socket_gids lets them in; separated by blanks or "
     "commas.",
     [](absl::string_view v, Options* o) {
       return SetIds(v, kIdsMax, &o->listener.unix_metrics_uids);
     }},
    {"metrics_socket_gids", "none", "Numbers of the groups whose members may do the same.",
     [](absl::string_view v, Options* o) {
       return SetIds(v, kIdsMax, &o->listener.unix_metrics_gids);
     }},
    {"admin_listen", "none",
     "TCP addresses, for example 127.0.0.1:18080 [::1]:18080; 0.0.0.0 is every IPv4 address, [::] "
     "every IPv6 address, * both. Programs on this machine may ask everything; from elsewhere only "
     "the signed API answers, so other addresses need access_file.",
     [](absl::string_view v, Options* o) {
       return SetAddresses(v, kTcpAddressesMax, &o->listener.tcp_addresses);
     }},
    {"admin_listen_tls", "none",
     "The same with TLS 1.2 or newer. Clients with a certificate of tls_client_ca_file (and "
     "tls_client_names) may ask everything.",
     [](absl::string_view v, Options* o) {
       return SetAddresses(v, kTcpAddressesMax, &o->listener.tls_addresses);
     }},
    {"tls_certificate_file", "none", "PEM file with the certificate chain, read again on SIGHUP.",
     [](absl::string_view v, Options* o) {
       return SetAbsolutePath(v, &o->listener.tls_certificate_file);
     }},
    {"tls_private_key_file", "none", "PEM file with its private key.",
     [](absl::string_view v, Options* o) {
       return SetAbsolutePath(v, &o->listener.tls_private_key_file);
     }},
    {"tls_client_ca_file", "none",
     "PEM file with the CA of client certificates; none: not asked for.",
     [](absl::string_view v, Options* o) {
       return SetAbsolutePath(v, &o->listener.tls_client_ca_file);
     }},
    {"tls_client_certificate_required", "false", "Refuse TLS clients without a certificate.",
     [](absl::string_view v, Options* o) {
       return SetBool(v, &o->listener.tls_client_certificate_required);
     }},
    {"tls_client_crl_file", "none",
     "PEM file with that CA's list of revoked certificates, read again on SIGHUP; once it is out "
     "of date no client certificate is accepted. none: none is revoked.",
     [](absl::string_view v, Options* o) {
       return SetAbsolutePath(v, &o->listener.tls_client_crl_file);
     }},
    {"tls_client_names", "none",
     "Client certificates that may ask everything, by a DNS name or the common name in them, each "
     "in full (no *), separated by blanks or commas; others of the CA are answered like clients "
     "without one. none: every certificate of the CA may.",
     [](absl::string_view v, Options* o) {
       return SetCertificateNames(v, kIdsMax, &o->listener.tls_client_names);
     }},
    {"metrics_client_names", "none",
     "Client certificates that may read /metrics, /healthz and /readyz and nothing else, from this "
     "machine too, unless tls_client_names names them; by a DNS name or the common name in them, "
     "each in full (no *), separated by blanks or commas.",
     [](absl::string_view v, Options* o) {
       return SetCertificateNames(v, kIdsMax, &o->listener.tls_metrics_names);
     }},
    {"access_file", "none",
     "Accounts, access keys and policies of the documented API (docs/access.md), readable by its "
     "owner only, read again on SIGHUP. none: only local programs and client certificates (see "
     "tls_client_names) are answered, unsigned.",
     [](absl::string_view v, Options* o) {
       return SetAbsolutePath(v, &o->documented_api.access_file);
     }},
    {"usage_database", "none",
     "SQLite file with the hourly transactions of the documented API, for mosquitto_session usage; "
     "none: not counted.",
     [](absl::string_view v, Options* o) {
       return SetDatabasePath(v, &o->documented_api.usage_database);
     }},
    {"api_log", "errors",
     "Calls of the documented API in the broker's log: none, errors (malformed HTTP among them) or "
     "all; at most ten lines a second, twenty at once.",
     [](absl::string_view v, Options* o) {
       return SetChoice<CallLogLevel>(v,
                                      {{"none", CallLogLevel::kNone},
                                       {"errors", CallLogLevel::kErrors},
                                       {"all", CallLogLevel::kAll}},
                                      &o->documented_api.call_log);
     }},
    {"api_region", "local", "Region in resource names: acs:mq:<region>:<account>:<instance>.",
     [](absl::string_view v, Options* o) {
       return SetText(v, 64, &o->documented_api.surface.region);
     }},
    {"api_batch_ids_max", "10",
     "Client identifiers in one batch call of the documented API. 1 to 1000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 1000, &o->documented_api.surface.batch_ids_max);
     }},
    {"api_batch_calls_per_second", "100",
     "Batch calls of one user a second; 0: no limit. 0 to 1000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 0, 1'000'000, &o->documented_api.surface.batch_limit.per_second);
     }},
    {"api_query_calls_per_second", "500",
     "Single queries of one user a second; 0: no limit. 0 to 1000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 0, 1'000'000, &o->documented_api.surface.query_limit.per_second);
     }},
    {"api_address_calls_per_second", "300",
     "Calls of one source address and operation a second; 0: no limit. 0 to 1000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 0, 1'000'000, &o->documented_api.surface.address_limit.per_second);
     }},
    {"api_limit_per_account", "false",
     "Count the two limits above per account instead of per user.",
     [](absl::string_view v, Options* o) {
       bool account = false;
       const absl::Status status = SetBool(v, &account);
       o->documented_api.surface.limit_scope =
           account ? openapi::LimitScope::kAccount : openapi::LimitScope::kUser;
       return status;
     }},
    {"api_require_tls", "false", "Refuse calls from elsewhere without TLS.",
     [](absl::string_view v, Options* o) {
       return SetBool(v, &o->documented_api.surface.require_tls);
     }},
    {"api_strict_client_ids", "false", "Refuse identifiers that are not <GroupID>@@@<DeviceID>.",
     [](absl::string_view v, Options* o) {
       return SetBool(v, &o->documented_api.surface.strict_client_ids);
     }},
    {"api_gateway_errors", "false",
     "Answer a call that the policies do not allow with 403 NoPermission, as the gateway does.",
     [](absl::string_view v, Options* o) {
       return SetBool(v, &o->documented_api.surface.gateway_errors);
     }},
    {"api_batch_needs_instance_access", "false", "The batch needs mq:MqttInstanceAccess as well.",
     [](absl::string_view v, Options* o) {
       return SetBool(v, &o->documented_api.surface.batch_needs_instance_access);
     }},
    {"api_cpp_sdk_lists", "true",
     "Nest the list of a batch reply for the classic C++ SDK, which needs it.",
     [](absl::string_view v, Options* o) {
       return SetBool(v, &o->documented_api.surface.cpp_sdk_lists);
     }},
    {"api_error_page", "none",
     "Beginning of a URL, of at most 1024 bytes; each error carries it with the error's code "
     "behind "
     "it, as Recommend.",
     [](absl::string_view v, Options* o) {
       return SetWebPage(v, &o->documented_api.surface.error_page_url);
     }},
    {"api_failures_per_second", "50",
     "Failed authentications of one address (of one user, at the Unix socket) a second that get "
     "their own error, four times as many at once; the others are throttled. 0: no limit. 0 to "
     "1000000.",
     [](absl::string_view v, Options* o) {
       limits::RateLimit& limit = o->documented_api.surface.failure_limit;
       const absl::Status status = SetInteger(v, 0, 1'000'000, &limit.per_second);
       limit.burst = 4 * limit.per_second;
       return status;
     }},
    {"api_nonces_max", "3145728",
     "Nonces remembered against replay at most, 17 to 34 bytes each; when there is no room for "
     "another, it is throttled. 1000 to 100000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1000, 100'000'000, &o->documented_api.surface.nonces_max);
     }},
    {"instances_by_username", "false",
     "A client whose user name has the form Signature|AccessKeyId|InstanceId (or Token|, or "
     "DeviceCredential|) belongs to that instance.",
     [](absl::string_view v, Options* o) {
       return SetBool(v, &o->documented_api.instances_by_username);
     }},
    {"instances_by_listener", "none",
     "Clients of a listener belong to an instance: words like 1884=post-cn-b, one for each port, "
     "separated by blanks or commas. Not on Mosquitto 2.0, which does not tell plugins the "
     "listener: the start is refused.",
     [](absl::string_view v, Options* o) {
       return SetPortNames(v, kTcpAddressesMax, &o->documented_api.instances_by_listener);
     }},
    {"listener_threads", "1", "Threads that answer queries. 1 to 64.",
     [](absl::string_view v, Options* o) { return SetInteger(v, 1, 64, &o->listener.threads); }},
    {"listener_nice", "10",
     "How much those threads, and the one that refreshes the snapshot, give way to the broker. 0 "
     "to 19.",
     [](absl::string_view v, Options* o) { return SetInteger(v, 0, 19, &o->listener.nice_level); }},
    {"listener_connections_max", "1024",
     "Connections at a time; at most a tenth of the broker's file descriptors in any case. An "
     "eighth (32 at most) is kept from strangers. 1 to 100000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 100'000, &o->listener.connections_max);
     }},
    {"listener_connections_per_peer_max", "64",
     "Connections of one address or one user at a time. 1 to 100000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 100'000, &o->listener.connections_per_peer_max);
     }},
    {"listener_connections_awaiting_first_byte_max", "256",
     "Connections that have not sent anything yet; beyond, the oldest of them is closed, strangers "
     "first. 1 to 100000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 100'000, &o->listener.connections_awaiting_first_byte_max);
     }},
    {"listener_descriptors_percent_max", "10",
     "The plugin's share of the broker's file descriptors; MQTT clients keep the rest. 1 to 50.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 50, &o->listener.descriptors_percent_max);
     }},
    {"listener_request_line_bytes_max", "32768", "Longest request line. 1024 to 1048576.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1024, 1 << 20, &o->listener.request_line_bytes_max);
     }},
    {"listener_header_bytes_max", "32768", "All header lines together. 1024 to 1048576.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1024, 1 << 20, &o->listener.header_bytes_max);
     }},
    {"listener_header_count_max", "64", "Header lines. 16 to 1000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 16, 1000, &o->listener.header_count_max);
     }},
    {"listener_body_bytes_max", "1048576",
     "Longest request body; ten thousand identifiers of 64 characters fit. At most a sixteenth of "
     "listener_buffered_bytes_max. 1024 to 1073741824.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1024, 1 << 30, &o->listener.body_bytes_max);
     }},
    {"listener_first_byte_timeout", "5s",
     "A new connection must send something within this, TLS handshake included. 100ms to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Milliseconds(100), absl::Hours(1),
                          &o->listener.first_byte_timeout);
     }},
    {"listener_header_timeout", "5s", "Time for a request's header. 100ms to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Milliseconds(100), absl::Hours(1), &o->listener.header_timeout);
     }},
    {"listener_body_timeout", "10s", "Time for a request's body. 100ms to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Milliseconds(100), absl::Hours(1), &o->listener.body_timeout);
     }},
    {"listener_write_timeout", "10s", "Time for a reader to take each 16 KiB. 100ms to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Milliseconds(100), absl::Hours(1), &o->listener.write_timeout);
     }},
    {"listener_pipelined_max", "16",
     "Requests of one connection answered in a row before others are served. 1 to 1000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 1000, &o->listener.pipelined_max);
     }},
    {"listener_unsent_bytes_max", "262144",
     "Replies waiting for one slow reader; beyond, nothing more of it is answered. 16384 to "
     "1073741824.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 16384, 1 << 30, &o->listener.unsent_bytes_max);
     }},
    {"listener_buffered_bytes_max", "67108864",
     "Memory for the buffers of all connections together; strangers get three quarters of it, one "
     "of "
     "their addresses one quarter. 1048576 to 17179869184.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1 << 20, int64_t{1} << 34, &o->listener.buffered_bytes_max);
     }},
    {"listener_idle_timeout", "60s",
     "A connection without a request is closed after this. 1s to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Seconds(1), absl::Hours(1), &o->listener.idle_timeout);
     }},
    {"feed_buffer_bytes", "16777216",
     "Memory for the latest changes; who follows them and falls further behind is told so. 16 MiB "
     "are about 170,000 changes. 1048576 to 4294967296.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1 << 20, int64_t{1} << 32, &o->following.feed.buffer_bytes);
     }},
    {"feed_heartbeat", "15s", "A follower without news hears from us this often. 1s to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Seconds(1), absl::Hours(1), &o->following.feed.heartbeat);
     }},
    {"feed_followers_max", "256", "Followers of the change feed at a time. 0 to 100000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 0, 100'000, &o->following.feed.followers_max);
     }},
    {"history_bytes_max", "16777216",
     "Memory for the last connections of each client (mosquitto_session history); the clients that "
     "changed longest ago are dropped first. 16 MiB are about 35,000 clients; 0: none. 0 to "
     "17179869184.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 0, int64_t{1} << 34, &o->following.history.history.bytes_max);
     }},
    {"history_entries_max", "16",
     "Beginnings and ends of connections remembered of one client. 2 to 1000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 2, 1000, &o->following.history.history.entries_max);
     }},
    {"flappers_max", "256",
     "Clients whose connections break again and again that are counted at a time "
     "(mosquitto_session flappers); 0: none. 0 to 100000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 0, 100'000, &o->following.history.flappers_max);
     }},
    {"listings_max", "8",
     "Listings of all sessions under way at a time; at the limit, one whose next page nobody has "
     "asked for in two seconds makes room. 1 to 64.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 64, &o->following.listing.cuts_max);
     }},
    {"listing_bytes_max", "8388608",
     "Memory of one listing for what changes meanwhile, about 30,000 sessions; a listing that "
     "needs "
     "more is given up. 1048576 to 1073741824.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1 << 20, 1 << 30, &o->following.listing.notes_bytes_max);
     }},
    {"listing_idle_timeout", "60s",
     "A listing that nobody goes on with is given up after this. 1s to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Seconds(1), absl::Hours(1), &o->following.listing.idle_max);
     }},
    {"webhook_url", "none",
     "Where every change is posted as CloudEvents in JSON, https or http; none: nowhere. See "
     "docs/following.md.",
     [](absl::string_view v, Options* o) {
       std::string& url = o->following.webhook.url;
       if (v != "none") return SetText(v, 4096, &url);
       url.clear();
       return absl::OkStatus();
     }},
    {"webhook_secret_file", "none",
     "File with the secret that signs what is posted, readable by its owner only, read again on "
     "SIGHUP. none: unsigned.",
     [](absl::string_view v, Options* o) {
       return SetAbsolutePath(v, &o->following.webhook.secret_file);
     }},
    {"webhook_ca_file", "none",
     "PEM file with the CA of the receiver's certificate, the only one that is trusted then, as it "
     "is when a connection is made; none: the system's CAs.",
     [](absl::string_view v, Options* o) { return SetCaFile(v, &o->following.webhook.ca_file); }},
    {"webhook_batch_events_max", "500", "Events in one post. 1 to 10000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 10'000, &o->following.webhook.batch_events_max);
     }},
    {"webhook_timeout", "10s", "Time for one post, answer included. 100ms to 5m.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Milliseconds(100), absl::Minutes(5),
                          &o->following.webhook.timeout);
     }},
    {"webhook_retry_max", "1m",
     "A post that failed is repeated after 1s, 2s, 4s and so on, at most this unless the receiver "
     "asks "
     "for more (Retry-After, up to 1h). 1s to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Seconds(1), absl::Hours(1), &o->following.webhook.retry_max);
     }},
    {"topics_prefix", "none",
     "Every change is published to <prefix>/<client>, for example below $SYS/broker/session; none: "
     "not published. See docs/following.md.",
     [](absl::string_view v, Options* o) {
       std::string& prefix = o->over_mqtt.topics.prefix;
       prefix.clear();
       if (v == "none") return absl::OkStatus();
       absl::Status status = topics::CheckPrefix(v);
       if (status.ok()) prefix = std::string(v);
       return status;
     }},
    {"topics_retain", "false", "Publish them retained: who subscribes later gets the last of each.",
     [](absl::string_view v, Options* o) { return SetBool(v, &o->over_mqtt.topics.retain); }},
    {"topics_qos", "0", "Quality of service of these messages. 0 to 2.",
     [](absl::string_view v, Options* o) { return SetInteger(v, 0, 2, &o->over_mqtt.topics.qos); }},
    {"topics_per_second_max", "5000",
     "How many of them a second; what comes beyond waits in the buffer of feed_buffer_bytes. 10 to "
     "100000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 10, 100'000, &o->over_mqtt.topics.per_second_max);
     }},
    {"topics_flap_messages", "5",
     "Messages of one client in each topics_flap_interval; of what comes beyond, only the last one "
     "is published when the interval ends. 1 to 1000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1, 1'000'000, &o->over_mqtt.topics.flap_messages);
     }},
    {"topics_flap_interval", "10s", "That interval; 0s turns flap control off. 0s to 1h.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::ZeroDuration(), absl::Hours(1),
                          &o->over_mqtt.topics.flap_interval);
     }},
    {"control_users", "none",
     "User names, separated by blanks or commas, whose clients may ask on "
     "$CONTROL/session-status/v1, as far as the broker's ACLs let them publish there; *: everybody "
     "whom these let, which without an acl_file or an ACL plugin is everybody; none: nobody. Names "
     "protect nothing where the broker checks no logins (allow_anonymous true). See "
     "docs/following.md.",
     [](absl::string_view v, Options* o) {
       std::vector<std::string>& users = o->over_mqtt.control_users;
       const absl::Status status = SetWords(v, kIdsMax, &users);
       o->broker.control = !users.empty();
       if (status.ok() && users.size() > 1 &&
           std::find(users.begin(), users.end(), "*") != users.end()) {
         return absl::InvalidArgumentError(
             "* lets in everybody, so names beside it restrict nothing; give * alone, or names "
             "alone");
       }
       return status;
     }},
    {"fleet_url", "none",
     "Redis through which several brokers answer as one (docs/fleet.md): "
     "redis://HOST[:PORT][/DATABASE], unix:///PATH[?DATABASE], "
     "sentinel://HOST[:PORT][,HOST[:PORT]...]/NAME[/DATABASE]; several words share the load; "
     "cluster://HOST[:PORT][,HOST[:PORT]...] names some nodes of a Redis Cluster. none: no fleet.",
     [](absl::string_view v, Options* o) { return SetEngines(v, &o->fleet.engines); }},
    {"fleet_name", "mosquitto",
     "Name of the fleet; brokers of one name and engine are one fleet, and have one instance_id. 1 "
     "to 64 letters, digits, dots, underscores and hyphens.",
     [](absl::string_view v, Options* o) { return SetName(v, 64, &o->fleet.name); }},
    {"node_id", "none",
     "This broker's name in the fleet, different from all others'; none: the host's name. Up to 64 "
     "letters, digits, dots, underscores and hyphens.",
     [](absl::string_view v, Options* o) {
       if (v == "none") return o->fleet.node_id.clear(), absl::OkStatus();
       return SetName(v, 64, &o->fleet.node_id);
     }},
    {"fleet_credentials_file", "none",
     "File with PASSWORD or USER PASSWORD for the engine on its first line, closed to other users; "
     "read at every connection. none: no login.",
     [](absl::string_view v, Options* o) {
       return SetAbsolutePath(v, &o->fleet.credentials_file);
     }},
    {"fleet_lease", "3s",
     "A broker that has not been heard of for this long is lost, and its clients offline. 1s to "
     "5m.",
     [](absl::string_view v, Options* o) {
       return SetDuration(v, absl::Seconds(1), absl::Minutes(5), &o->fleet.lease);
     }},
    {"fleet_takeover", "kick",
     "A client that connects to another broker: kick closes its older connection here, as MQTT "
     "asks; report only counts it.",
     [](absl::string_view v, Options* o) {
       return SetChoice<fleet::Takeover>(
           v, {{"kick", fleet::Takeover::kKick}, {"report", fleet::Takeover::kReport}},
           &o->fleet.takeover);
     }},
    {"fleet_mode", "replica",
     "replica keeps the other brokers' sessions here too, so batches stay local; direct keeps only "
     "our own and asks the engine for every other client.",
     [](absl::string_view v, Options* o) {
       return SetChoice<fleet::Mode>(
           v, {{"replica", fleet::Mode::kReplica}, {"direct", fleet::Mode::kDirect}},
           &o->fleet.mode);
     }},
    {"fleet_when_away", "last-known",
     "Exact queries about clients that are not connected here, while the engine does not answer: "
     "last-known answers from what was known and says how old it is; fail is an error.",
     [](absl::string_view v, Options* o) {
       return SetChoice<fleet::WhenEngineAway>(v,
                                               {{"last-known", fleet::WhenEngineAway::kReplica},
                                                {"fail", fleet::WhenEngineAway::kFail}},
                                               &o->fleet.when_engine_away);
     }},
    {"fleet_capacity", "1000000",
     "Sessions expected in the whole fleet; the first broker lays the engine's keys out for it. "
     "1000 to 100000000.",
     [](absl::string_view v, Options* o) {
       return SetInteger(v, 1000, 100'000'000, &o->fleet.capacity);
     }},
};

absl::Status UnknownOption(absl::string_view name) {
  constexpr size_t kNameBytesMax = 64;
  name = name.substr(0, kNameBytesMax);
  std::vector<absl::string_view> names;
  for (const OptionSpec& option : kOptions) names.push_back(option.name);
  const std::string nearest = text::Nearest(name, names);
  return absl::InvalidArgumentError(
      absl::StrCat("option plugin_opt_", name, ": unknown; ",
                   nearest.empty() ? "mosquitto.conf.example and docs/options.md list the options"
                                   : absl::StrCat("did you mean plugin_opt_", nearest, "?")));
}

absl::Status Set(const OptionSpec& spec, absl::string_view value, Options* out) {
  const absl::Status status = spec.set(value, out);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat("option plugin_opt_", spec.name, ": ", status.message()));
}

// Options of something that is off say that somebody believes that it is on.
struct Group {
  absl::string_view prefix;   // of their names; or one name
  absl::string_view switch_;  // the option that turns it on
  bool (*is_on)(const Options&);
};
constexpr Group kGroups[] = {
    {"admin_socket_", "admin_socket",
     [](const Options& o) { return !o.listener.unix_socket_path.empty(); }},
    {"tls_", "admin_listen_tls",
     [](const Options& o) { return !o.listener.tls_addresses.empty(); }},
    {"tls_client_", "tls_client_ca_file",
     [](const Options& o) { return !o.listener.tls_client_ca_file.empty(); }},
    {"metrics_socket_", "admin_socket",
     [](const Options& o) { return !o.listener.unix_socket_path.empty(); }},
    {"metrics_client_", "admin_listen_tls",
     [](const Options& o) { return !o.listener.tls_addresses.empty(); }},
    {"metrics_client_", "tls_client_ca_file",
     [](const Options& o) { return !o.listener.tls_client_ca_file.empty(); }},
    {"webhook_", "webhook_url", [](const Options& o) { return !o.following.webhook.url.empty(); }},
    {"topics_", "topics_prefix",
     [](const Options& o) { return !o.over_mqtt.topics.prefix.empty(); }},
    {"fleet_", "fleet_url", [](const Options& o) { return !o.fleet.engines.empty(); }},
    {"node_id", "fleet_url", [](const Options& o) { return !o.fleet.engines.empty(); }},
    {"session_database_", "session_database",
     [](const Options& o) { return !o.remembering.database.empty(); }},
    {"session_history_", "session_database",
     [](const Options& o) { return !o.remembering.database.empty(); }},
};

absl::Status CheckHasEffect(absl::string_view name, const Options& options) {
  for (const Group& group : kGroups) {
    if (!absl::StartsWith(name, group.prefix) || name == group.switch_) continue;
    if (group.is_on(options)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("option plugin_opt_", name, ": has no effect without plugin_opt_",
                     group.switch_, "; set that too, or remove this line"));
  }
  return absl::OkStatus();
}

// An option of a part that is on, but that another option leaves nothing to do.
struct Idle {
  absl::string_view name;
  bool (*is_idle)(const Options&);
  absl::string_view why;  // and what would be needed
};
constexpr auto kIsNotAudited = [](const Options& o) {
  return o.audit.period == absl::ZeroDuration();
};
constexpr auto kNobodySigns = [](const Options& o) { return o.documented_api.access_file.empty(); };
constexpr absl::string_view kNotAudited =
    "has no effect with plugin_opt_audit_period 0s; raise that";
constexpr absl::string_view kUnsigned =
    "has no effect without plugin_opt_access_file, which says who signs and may what; set that too";
// Whoever is in both has all rights.
template <typename T>
bool AreAllIn(const std::vector<T>& some, const std::vector<T>& all) {
  return std::all_of(some.begin(), some.end(), [&all](const T& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  });
}
constexpr Idle kIdle[] = {
    {"metrics_socket_uids",
     [](const Options& o) {
       return AreAllIn(o.listener.unix_metrics_uids, o.listener.unix_allowed_uids);
     },
     "has no effect beside plugin_opt_admin_socket_uids, whose users may ask everything; take them "
     "out there"},
    {"metrics_socket_gids",
     [](const Options& o) {
       return AreAllIn(o.listener.unix_metrics_gids, o.listener.unix_allowed_gids);
     },
     "has no effect beside plugin_opt_admin_socket_gids, whose members may ask everything; take "
     "them out there"},
    {"metrics_client_names",
     [](const Options& o) {
       return AreAllIn(o.listener.tls_metrics_names, o.listener.tls_client_names);
     },
     "has no effect beside plugin_opt_tls_client_names, which may ask everything; take them out "
     "there"},
    {"ended_sessions_ttl", [](const Options& o) { return o.registry.ended_max == 0; },
     "has no effect with plugin_opt_ended_sessions_max 0; raise that"},
    {"session_history_max",
     [](const Options& o) { return o.remembering.history_ttl == absl::ZeroDuration(); },
     "has no effect with plugin_opt_session_history_ttl 0s; raise that"},
    {"audit_slice_max", kIsNotAudited, kNotAudited},
    {"audit_walk_max", kIsNotAudited, kNotAudited},
    {"api_region", kNobodySigns, kUnsigned},
    {"api_batch_calls_per_second", kNobodySigns, kUnsigned},
    {"api_query_calls_per_second", kNobodySigns, kUnsigned},
    {"api_limit_per_account", kNobodySigns, kUnsigned},
    {"api_limit_per_account",
     [](const Options& o) {
       const openapi::SurfaceOptions& api = o.documented_api.surface;
       return api.batch_limit.unlimited() && api.query_limit.unlimited();
     },
     "has no effect with plugin_opt_api_batch_calls_per_second 0 and "
     "plugin_opt_api_query_calls_per_second 0; raise one of them"},
    {"api_require_tls", [](const Options& o) { return o.listener.tls_addresses.empty(); },
     "leaves nobody from elsewhere who could be answered, without plugin_opt_admin_listen_tls; set "
     "that too"},
    {"api_gateway_errors", kNobodySigns, kUnsigned},
    {"api_batch_needs_instance_access", kNobodySigns, kUnsigned},
    {"api_nonces_max", kNobodySigns, kUnsigned},
    {"feed_heartbeat", [](const Options& o) { return o.following.feed.followers_max == 0; },
     "has no effect with plugin_opt_feed_followers_max 0; raise that"},
    {"history_entries_max",
     [](const Options& o) { return o.following.history.history.bytes_max == 0; },
     "has no effect with plugin_opt_history_bytes_max 0; raise that"},
    {"topics_flap_messages",
     [](const Options& o) { return o.over_mqtt.topics.flap_interval == absl::ZeroDuration(); },
     "has no effect with plugin_opt_topics_flap_interval 0s; raise that"},
};

void NoteIdle(absl::string_view name, absl::string_view value, Options* options) {
  for (const Idle& idle : kIdle) {
    if (idle.name != name || !idle.is_idle(*options)) continue;
    options->without_effect.push_back(absl::StrCat("option plugin_opt_", name, ": \"", value, "\" ",
                                                   idle.why, ", or remove this line"));
    return;
  }
}

absl::Status CheckFleet(const Options& options) {
  const DocumentedApiOptions& api = options.documented_api;
  if (!options.fleet.engines.empty() &&
      (api.instances_by_username || !api.instances_by_listener.empty())) {
    return absl::InvalidArgumentError(
        "option plugin_opt_fleet_url: a fleet is one instance, because other brokers' clients are "
        "known here without user name and listener; remove plugin_opt_instances_by_username and "
        "plugin_opt_instances_by_listener");
  }
  return absl::OkStatus();
}

// The second socket would find the address in use, by us.
absl::Status CheckAddresses(const transport::ListenerOptions& listener) {
  std::vector<absl::string_view> seen;
  for (const auto* addresses : {&listener.tcp_addresses, &listener.tls_addresses}) {
    for (const std::string& address : *addresses) {
      if (std::find(seen.begin(), seen.end(), address) == seen.end()) {
        seen.push_back(address);
        continue;
      }
      return absl::InvalidArgumentError(absl::StrCat(
          "option plugin_opt_admin_listen", addresses == &listener.tls_addresses ? "_tls" : "",
          ": \"", address,
          "\" is given twice (plugin_opt_admin_listen and plugin_opt_admin_listen_tls need "
          "addresses of their own); remove one"));
    }
  }
  return absl::OkStatus();
}

// The longest body must find room also in what a stranger's address may hold.
absl::Status CheckBodiesFit(const transport::ListenerOptions& listener) {
  constexpr size_t kShare = transport::BufferBudget::kShareOfOneBody;
  if (listener.buffered_bytes_max / kShare >= listener.body_bytes_max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("option plugin_opt_listener_buffered_bytes_max: ", listener.buffered_bytes_max,
                   " is too little for bodies of plugin_opt_listener_body_bytes_max, ",
                   listener.body_bytes_max, "; make it at least ", kShare * listener.body_bytes_max,
                   ", or that at most ", listener.buffered_bytes_max / kShare));
}

absl::Status CheckTogether(const Options& options) {
  if (options.offline_grace > options.registry.ended_ttl) {
    return absl::InvalidArgumentError(absl::StrCat(
        "option plugin_opt_offline_grace: ", absl::FormatDuration(options.offline_grace),
        " is longer than ended clients are remembered; make it at most "
        "plugin_opt_ended_sessions_ttl, ",
        absl::FormatDuration(options.registry.ended_ttl)));
  }
  if (options.offline_grace > absl::ZeroDuration() && options.registry.ended_max == 0) {
    return absl::InvalidArgumentError(
        "option plugin_opt_offline_grace: has no effect with plugin_opt_ended_sessions_max 0, "
        "which "
        "forgets clients the moment they end; remove one of the lines");
  }
  const transport::ListenerOptions& listener = options.listener;
  if (listener.unix_socket_path.empty() && listener.tcp_addresses.empty() &&
      listener.tls_addresses.empty()) {
    return absl::InvalidArgumentError(
        "option plugin_opt_admin_socket: none, and plugin_opt_admin_listen is none too: nobody "
        "could ask; set one of them");
  }
  const webhook::WebhookOptions& webhook = options.following.webhook;
  if (!webhook.ca_file.empty() && !absl::StartsWithIgnoreCase(webhook.url, "https:") &&
      !webhook.url.empty()) {
    return absl::InvalidArgumentError(
        "option plugin_opt_webhook_ca_file: has no effect on a plugin_opt_webhook_url without "
        "https://; make it one with, or remove this line");
  }
  if (!options.remembering.database.empty() &&
      options.remembering.database == options.documented_api.usage_database) {
    return absl::InvalidArgumentError(
        "option plugin_opt_session_database: is the file of plugin_opt_usage_database too; give "
        "each its own");
  }
  for (const std::string& address : listener.tcp_addresses) {
    if (!IsLoopbackAddress(address) && options.documented_api.access_file.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "option plugin_opt_admin_listen: \"", address,
          "\" is not a loopback address, and without plugin_opt_access_file nobody from elsewhere "
          "would be answered; use 127.0.0.1 or [::1], or set plugin_opt_access_file"));
    }
  }
  if (!listener.tls_addresses.empty() &&
      (listener.tls_certificate_file.empty() || listener.tls_private_key_file.empty())) {
    return absl::InvalidArgumentError(
        "option plugin_opt_admin_listen_tls: needs plugin_opt_tls_certificate_file and "
        "plugin_opt_tls_private_key_file");
  }
  const std::vector<uid_t>& metrics_uids = listener.unix_metrics_uids;
  if (std::find(metrics_uids.begin(), metrics_uids.end(), 0) != metrics_uids.end()) {
    return absl::InvalidArgumentError(
        "option plugin_opt_metrics_socket_uids: \"0\" is root, who may ask everything whatever is "
        "listed; remove it, and let what reads the metrics run as a user of its own");
  }
  if (absl::Status s = CheckAddresses(listener); !s.ok()) return s;
  if (absl::Status s = CheckBodiesFit(listener); !s.ok()) return s;
  return CheckFleet(options);
}

}  // namespace

absl::Span<const OptionSpec> OptionTable() { return kOptions; }

absl::StatusOr<Options> ParseOptions(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> given) {
  Options options;
  for (const OptionSpec& spec : kOptions) {
    if (absl::Status s = Set(spec, spec.default_value, &options); !s.ok()) return s;
  }
  std::unordered_set<absl::string_view, absl::Hash<absl::string_view>> seen;
  std::vector<std::pair<const OptionSpec*, absl::string_view>> changed;
  for (const auto& [name, text] : given) {
    // The broker hands on the blanks behind a value, and nobody sees them.
    const absl::string_view value = absl::StripAsciiWhitespace(text);
    const auto spec = std::find_if(std::begin(kOptions), std::end(kOptions),
                                   [n = name](const OptionSpec& s) { return s.name == n; });
    if (spec == std::end(kOptions)) return UnknownOption(name);
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("option plugin_opt_", name, ": given twice; keep one of the lines"));
    }
    if (absl::Status s = Set(*spec, value, &options); !s.ok()) return s;
    if (value != spec->default_value) changed.emplace_back(&*spec, value);
  }
  if (absl::Status s = CheckTogether(options); !s.ok()) return s;
  for (const auto& [spec, value] : changed) {
    if (absl::Status s = CheckHasEffect(spec->name, options); !s.ok()) return s;
    NoteIdle(spec->name, value, &options);
  }
  options.fleet.instance_id = options.instance_id;
  options.fleet.snapshot_refresh = options.snapshot_refresh;
  options.fleet.nice_level = options.listener.nice_level;
  return options;
}

}  // namespace session_status
