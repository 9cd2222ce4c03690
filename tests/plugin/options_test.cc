#include "plugin/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace session_status {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Given = std::vector<std::pair<absl::string_view, absl::string_view>>;

std::string ErrorOf(const Given& given) {
  return std::string(ParseOptions(given).status().message());
}

TEST(ParseOptionsTest, EveryDefaultPassesItsOwnSetter) {
  const auto options = ParseOptions({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->snapshot_refresh, absl::Seconds(1));
  EXPECT_EQ(options->listener.unix_socket_path, "/run/mosquitto/session_status.sock");
  EXPECT_EQ(options->listener.unix_socket_mode, 0660u);
  EXPECT_TRUE(options->listener.tcp_addresses.empty());
  EXPECT_FALSE(options->broker.observe_logins);
}

TEST(ParseOptionsTest, TakesWhatIsGiven) {
  const auto options = ParseOptions(Given{{"snapshot_refresh", "250ms"},
                                          {"admin_socket", "/tmp/x.sock"},
                                          {"admin_socket_mode", "0600"},
                                          {"admin_listen", "127.0.0.1:18080 [::1]:18080"},
                                          {"ended_sessions_max", "0"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->snapshot_refresh, absl::Milliseconds(250));
  EXPECT_EQ(options->listener.unix_socket_path, "/tmp/x.sock");
  EXPECT_EQ(options->listener.unix_socket_mode, 0600u);
  EXPECT_THAT(options->listener.tcp_addresses,
              ::testing::ElementsAre("127.0.0.1:18080", "[::1]:18080"));
  EXPECT_EQ(options->registry.ended_max, 0u);
}

// Each has a value of its own, so that none can take another's place.
TEST(ParseOptionsTest, EveryNumberAndEveryTimeGoesWhereItIsMeant) {
  struct Row {
    const char* name;
    const char* value;
    int64_t want;  // times: milliseconds
    int64_t (*get)(const Options&);
  };
  static constexpr auto kMs = [](absl::Duration d) { return absl::ToInt64Milliseconds(d); };
#define NUMBER(name, value, field)                                                      \
  Row {                                                                                 \
    name, #value, value, [](const Options& o) { return static_cast<int64_t>(o.field); } \
  }
#define MILLISECONDS(name, value, field)                                    \
  Row {                                                                     \
    name, #value "ms", value, [](const Options& o) { return kMs(o.field); } \
  }
  const Row rows[] = {
      NUMBER("sessions_max", 1001, registry.sessions_max),
      NUMBER("ended_sessions_max", 1002, registry.ended_max),
      NUMBER("session_history_max", 1003, remembering.history_max),
      NUMBER("audit_slice_max", 1004, audit.slice_max),
      NUMBER("audit_walk_max", 1005, audit.walk_max),
      NUMBER("api_batch_ids_max", 7, documented_api.surface.batch_ids_max),
      NUMBER("api_batch_calls_per_second", 1007, documented_api.surface.batch_limit.per_second),
      NUMBER("api_query_calls_per_second", 1008, documented_api.surface.query_limit.per_second),
      NUMBER("api_address_calls_per_second", 1009, documented_api.surface.address_limit.per_second),
      NUMBER("api_failures_per_second", 1010, documented_api.surface.failure_limit.per_second),
      NUMBER("api_nonces_max", 1011, documented_api.surface.nonces_max),
      NUMBER("listener_threads", 12, listener.threads),
      NUMBER("listener_nice", 13, listener.nice_level),
      NUMBER("listener_connections_max", 1014, listener.connections_max),
      NUMBER("listener_connections_per_peer_max", 1015, listener.connections_per_peer_max),
      NUMBER("listener_connections_awaiting_first_byte_max", 1016,
             listener.connections_awaiting_first_byte_max),
      NUMBER("listener_descriptors_percent_max", 17, listener.descriptors_percent_max),
      NUMBER("listener_request_line_bytes_max", 1028, listener.request_line_bytes_max),
      NUMBER("listener_header_bytes_max", 1029, listener.header_bytes_max),
      NUMBER("listener_header_count_max", 20, listener.header_count_max),
      NUMBER("listener_body_bytes_max", 1031, listener.body_bytes_max),
      NUMBER("listener_pipelined_max", 22, listener.pipelined_max),
      NUMBER("listener_unsent_bytes_max", 16385, listener.unsent_bytes_max),
      NUMBER("listener_buffered_bytes_max", 16777217, listener.buffered_bytes_max),
      NUMBER("feed_buffer_bytes", 1048578, following.feed.buffer_bytes),
      NUMBER("feed_followers_max", 1032, following.feed.followers_max),
      NUMBER("history_bytes_max", 1033, following.history.history.bytes_max),
      NUMBER("history_entries_max", 34, following.history.history.entries_max),
      NUMBER("flappers_max", 1035, following.history.flappers_max),
      NUMBER("listings_max", 36, following.listing.cuts_max),
      NUMBER("listing_bytes_max", 1048579, following.listing.notes_bytes_max),
      NUMBER("webhook_batch_events_max", 1037, following.webhook.batch_events_max),
      NUMBER("topics_qos", 2, over_mqtt.topics.qos),
      NUMBER("topics_per_second_max", 1038, over_mqtt.topics.per_second_max),
      NUMBER("topics_flap_messages", 1039, over_mqtt.topics.flap_messages),
      NUMBER("fleet_capacity", 1040, fleet.capacity),
      MILLISECONDS("snapshot_refresh", 2001, snapshot_refresh),
      MILLISECONDS("offline_grace", 2002, offline_grace),
      MILLISECONDS("ended_sessions_ttl", 2003, registry.ended_ttl),
      MILLISECONDS("session_database_flush", 2004, remembering.flush_interval),
      MILLISECONDS("session_history_ttl", 2005, remembering.history_ttl),
      MILLISECONDS("audit_period", 2006, audit.period),
      MILLISECONDS("listener_first_byte_timeout", 2007, listener.first_byte_timeout),
      MILLISECONDS("listener_header_timeout", 2008, listener.header_timeout),
      MILLISECONDS("listener_body_timeout", 2009, listener.body_timeout),
      MILLISECONDS("listener_write_timeout", 2010, listener.write_timeout),
      MILLISECONDS("listener_idle_timeout", 2011, listener.idle_timeout),
      MILLISECONDS("feed_heartbeat", 2012, following.feed.heartbeat),
      MILLISECONDS("listing_idle_timeout", 2013, following.listing.idle_max),
      MILLISECONDS("webhook_timeout", 2014, following.webhook.timeout),
      MILLISECONDS("webhook_retry_max", 2015, following.webhook.retry_max),
      MILLISECONDS("topics_flap_interval", 2016, over_mqtt.topics.flap_interval),
      MILLISECONDS("fleet_lease", 2017, fleet.lease),
  };
#undef NUMBER
#undef MILLISECONDS
  Given given = {{"webhook_url", "https://localhost/"},
                 {"session_database", "/x.db"},
                 {"topics_prefix", "status"},
                 {"fleet_url", "redis://localhost"}};
  for (const Row& row : rows) given.emplace_back(row.name, row.value);
  const auto options = ParseOptions(given);
  ASSERT_TRUE(options.ok()) << options.status();
  for (const Row& row : rows) EXPECT_EQ(row.get(*options), row.want) << row.name;

  // Whoever builds a part without the table (tests, benchmarks) has the product's defaults.
  const auto defaults = ParseOptions({});
  ASSERT_TRUE(defaults.ok()) << defaults.status();
  for (const Row& row : rows) EXPECT_EQ(row.get(Options()), row.get(*defaults)) << row.name;
}

const OptionSpec& Spec(absl::string_view name) {
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.name == name) return spec;
  }
  ADD_FAILURE() << "no option " << name;
  return OptionTable().front();
}

// Each is turned over alone: its own field follows, and no other's.
TEST(ParseOptionsTest, EveryBooleanGoesWhereItIsMeantAndNowhereElse) {
  struct Row {
    const char* name;
    bool by_default;
    bool (*get)(const Options&);
  };
#define BOOLEAN(name, by_default, expression)                     \
  Row {                                                           \
    name, by_default, [](const Options& o) { return expression; } \
  }
  const Row rows[] = {
      BOOLEAN("observe_logins", false, o.broker.observe_logins),
      BOOLEAN("tls_client_certificate_required", false, o.listener.tls_client_certificate_required),
      BOOLEAN("api_limit_per_account", false,
              o.documented_api.surface.limit_scope == openapi::LimitScope::kAccount),
      BOOLEAN("api_require_tls", false, o.documented_api.surface.require_tls),
      BOOLEAN("api_strict_client_ids", false, o.documented_api.surface.strict_client_ids),
      BOOLEAN("api_gateway_errors", false, o.documented_api.surface.gateway_errors),
      BOOLEAN("api_batch_needs_instance_access", false,
              o.documented_api.surface.batch_needs_instance_access),
      BOOLEAN("api_cpp_sdk_lists", true, o.documented_api.surface.cpp_sdk_lists),
      BOOLEAN("instances_by_username", false, o.documented_api.instances_by_username),
      BOOLEAN("topics_retain", false, o.over_mqtt.topics.retain),
  };
#undef BOOLEAN
  size_t booleans = 0;
  for (const OptionSpec& spec : OptionTable()) {
    booleans += spec.default_value == "true" || spec.default_value == "false";
  }
  EXPECT_EQ(booleans, std::size(rows)) << "one has no row";
  const auto defaults = ParseOptions({});
  ASSERT_TRUE(defaults.ok()) << defaults.status();
  for (const Row& turned : rows) {
    SCOPED_TRACE(turned.name);
    Options options = *defaults;
    ASSERT_TRUE(Spec(turned.name).set(turned.by_default ? "false" : "true", &options).ok());
    for (const Row& row : rows) {
      EXPECT_EQ(row.get(options), row.by_default != (row.name == turned.name)) << row.name;
    }
  }
}

// Each has a value of its own, so that none can take another's place.
TEST(ParseOptionsTest, EveryTextGoesWhereItIsMeant) {
  struct Row {
    const char* name;
    const char* value;
    std::string (*get)(const Options&);
  };
#define TEXT(name, value, field)                                       \
  Row {                                                                \
    name, value, [](const Options& o) { return std::string(o.field); } \
  }
  const Row rows[] = {
      TEXT("instance_id", "mqtt-7", instance_id),
      TEXT("session_database", "/sessions.db", remembering.database),
      TEXT("admin_socket", "/admin.sock", listener.unix_socket_path),
      TEXT("admin_socket_owner", "olga", listener.unix_socket_owner),
      TEXT("admin_socket_group", "operators", listener.unix_socket_group),
      TEXT("tls_certificate_file", "/certificate.pem", listener.tls_certificate_file),
      TEXT("tls_private_key_file", "/key.pem", listener.tls_private_key_file),
      TEXT("tls_client_ca_file", "/client-ca.pem", listener.tls_client_ca_file),
      TEXT("tls_client_crl_file", "/crl.pem", listener.tls_client_crl_file),
      TEXT("access_file", "/access.json", documented_api.access_file),
      TEXT("usage_database", "/usage.db", documented_api.usage_database),
      TEXT("api_region", "north-2", documented_api.surface.region),
      TEXT("api_error_page",
           "https://help.example.net/?code=", documented_api.surface.error_page_url),
      TEXT("webhook_url", "https://localhost/hook", following.webhook.url),
      TEXT("webhook_secret_file", "/webhook.secret", following.webhook.secret_file),
      TEXT("topics_prefix", "status", over_mqtt.topics.prefix),
      TEXT("fleet_name", "the-fleet", fleet.name),
      TEXT("node_id", "node-3", fleet.node_id),
      TEXT("fleet_credentials_file", "/engine.password", fleet.credentials_file),
  };
#undef TEXT
  Options options;
  for (const Row& row : rows) {
    const absl::Status status = Spec(row.name).set(row.value, &options);
    EXPECT_TRUE(status.ok()) << row.name << ": " << status;
  }
  for (const Row& row : rows) EXPECT_EQ(row.get(options), row.value) << row.name;
}

// The number or the time one step from `text`.
std::string Beside(const std::string& text, int direction) {
  int64_t number = 0;
  if (absl::SimpleAtoi(text, &number)) return absl::StrCat(number + direction);
  absl::Duration time;
  EXPECT_TRUE(absl::ParseDuration(text, &time)) << text;
  return absl::FormatDuration(time + direction * absl::Nanoseconds(1));
}

TEST(ParseOptionsTest, BothEndsOfTheRangeInAnOptionsHelpAreAllowedAndNothingBeyond) {
  static const std::regex kRange(R"((\d+[a-z]*) to (\d+[a-z]*)\.$)");
  int ranges = 0;
  for (const OptionSpec& spec : OptionTable()) {
    const std::string help(spec.help);
    std::smatch range;
    if (!std::regex_search(help, range, kRange)) continue;
    SCOPED_TRACE(absl::StrCat(spec.name, ": ", range.str()));
    ++ranges;
    Options options;
    for (const std::string& allowed : {range.str(1), range.str(2)}) {
      const absl::Status status = spec.set(allowed, &options);
      EXPECT_TRUE(status.ok()) << status;
    }
    for (const std::string& beyond : {Beside(range.str(1), -1), Beside(range.str(2), +1)}) {
      EXPECT_FALSE(spec.set(beyond, &options).ok()) << beyond;
    }
  }
  EXPECT_GE(ranges, 50) << "the help of most options ends with their range";
}

struct Case {
  const char* name;
  const char* value;
  const char* want;  // what would be right
};

TEST(ParseOptionsTest, RefusesWithTheOptionTheValueAndWhatWouldBeRight) {
  const std::string too_long = "1884=" + std::string(129, 'i');
  for (const Case& c : {
           Case{"snapshot_refresh", "5", "a duration"},
           Case{"snapshot_refresh", "5ms", "between 10ms and 1h"},
           Case{"snapshot_refresh", "2h", "between 10ms and 1h"},
           Case{"snapshot_refresh", "inf", "between"},
           Case{"snapshot_refresh", "-1s", "between"},
           Case{"ended_sessions_max", "12abc", "a whole number between 0 and 100000000"},
           Case{"ended_sessions_max", "-1", "a whole number"},
           Case{"ended_sessions_max", "1 2", "a whole number"},
           Case{"ended_sessions_max", "99999999999999999999", "a whole number"},
           Case{"session_database", "sessions.db", "an absolute path"},
           Case{"session_database", "/tmp", "\"/tmp\" is a folder; name a file in it"},
           Case{"session_database", "/tmp/new/", "is a folder; name a file in it"},
           Case{"usage_database", "/tmp", "is a folder; name a file in it"},
           Case{"webhook_ca_file", "/no/such.pem", "a PEM file with a certificate"},
           Case{"webhook_ca_file", "/tmp", "a PEM file with a certificate"},
           Case{"webhook_ca_file", "/etc/passwd", "a PEM file with a certificate"},
           Case{"session_database_flush", "1ms", "between"},
           Case{"session_history_ttl", "-1s", "between"},
           Case{"session_history_max", "999", "a whole number between 1000"},
           Case{"observe_logins", "yes", "true or false"},
           Case{"admin_socket", "relative.sock", "an absolute path"},
           Case{"admin_socket_mode", "rw-rw----", "an octal file mode"},
           Case{"admin_socket_mode", "0680", "an octal file mode"},
           Case{"fleet_url", "127.0.0.1:6379", "is none of redis://HOST"},
           Case{"fleet_url", "rediss://host", "a local TLS proxy"},
           Case{"fleet_url", "redis://a redis://b/x", "is none of redis://HOST"},
           Case{"fleet_url", "", "none or 1 to 16 engines"},
           Case{"fleet_url", "cluster://a,b:0", "is none of redis://HOST"},
           Case{"fleet_url", "cluster://a/1", "cluster://HOST[:PORT][,HOST[:PORT]...]"},
           Case{"fleet_url", "redis://a cluster://b,c", "\"cluster://b,c\" must stand alone"},
           Case{"fleet_name", "a}b", "letters, digits"},
           Case{"node_id", "a b", "letters, digits"},
           Case{"fleet_lease", "100ms", "between 1s and 5m"},
           Case{"fleet_takeover", "ignore", "one of: kick, report"},
           Case{"fleet_mode", "copy", "one of: replica, direct"},
           Case{"fleet_when_away", "guess", "one of: last-known, fail"},
           Case{"fleet_capacity", "1", "a whole number between 1000"},
           Case{"admin_listen", "127.0.0.1", "an address with its port"},
           Case{"admin_listen", "0.0.0.0:80", "is not a loopback address"},
           Case{"admin_listen", "10.0.0.1:80", "set plugin_opt_access_file"},
           Case{"admin_listen", "127.0.0.1:65536", "an address with its port"},
           Case{"admin_listen", "localhost:80", "an address with its port"},
           Case{"admin_listen", "127.0.0.1:80 [::1:80", "an address with its port"},
           Case{"admin_socket_uids", "0 root", "a whole number"},
           Case{"metrics_socket_uids", "prometheus", "a whole number"},
           Case{"metrics_socket_uids", "1005 0", "\"0\" is root, who may ask everything"},
           Case{"metrics_socket_gids", "-1", "a whole number"},
           Case{"tls_client_names", ".example.org", "not a name in full"},
           Case{"tls_client_names", "ops *.example.org", "\"*.example.org\" is not a name in full"},
           Case{"metrics_client_names", ".example.org", "not a name in full"},
           Case{"metrics_client_names", "*.example.org", "not a name in full"},
           Case{"instances_by_listener", "1884", "a port and a name"},
           Case{"instances_by_listener", "x=a", "a port and a name"},
           Case{"instances_by_listener", too_long.c_str(), "a name of at most 128 bytes"},
           Case{"instances_by_listener", "1884=a 1885=a 1884=b", "the only word for port 1884"},
           Case{"api_log", "some", "one of: none, errors, all"},
           Case{"api_error_page", "help", "the beginning of a web address"},
           Case{"access_file", "keys.json", "an absolute path"},
           Case{"listener_threads", "0", "between 1 and 64"},
           Case{"instance_id", "", "1 to 64 bytes long"},
       }) {
    SCOPED_TRACE(absl::StrCat(c.name, "=", c.value));
    EXPECT_THAT(
        ErrorOf({{c.name, c.value}}),
        AllOf(HasSubstr(absl::StrCat("option plugin_opt_", c.name, ": \"")), HasSubstr(c.want)));
  }
}

TEST(ParseOptionsTest, TheLongestBodyHasToFitIntoTheMemoryForBuffers) {
  EXPECT_EQ(ErrorOf({{"listener_body_bytes_max", "67108864"}}),
            "option plugin_opt_listener_buffered_bytes_max: 67108864 is too little for bodies of "
            "plugin_opt_listener_body_bytes_max, 67108864; make it at least 1073741824, or that at "
            "most 4194304");
  EXPECT_THAT(ErrorOf({{"listener_buffered_bytes_max", "16777215"}}),
              HasSubstr("make it at least 16777216, or that at most 1048575"));
  for (const auto& [body, buffers] :
       {std::pair("1048576", "16777216"), {"65536", "1048576"}, {"1073741824", "17179869184"}}) {
    EXPECT_EQ(
        ErrorOf({{"listener_body_bytes_max", body}, {"listener_buffered_bytes_max", buffers}}), "");
  }
}

TEST(ParseOptionsTest, AnUnknownOptionIsNamedWithTheNearestKnownOne) {
  EXPECT_EQ(
      ErrorOf({{"snapshot_refesh", "1s"}}),
      "option plugin_opt_snapshot_refesh: unknown; did you mean plugin_opt_snapshot_refresh?");
  EXPECT_THAT(ErrorOf({{"SNAPSHOT_REFRESH", "1s"}}),
              HasSubstr("did you mean plugin_opt_snapshot_refresh?"));
  for (const char* nothing_like : {"qos", "database", "x"}) {
    EXPECT_THAT(ErrorOf({{nothing_like, "1s"}}),
                AllOf(HasSubstr("docs/options.md"), Not(HasSubstr("did you mean"))));
  }
  EXPECT_THAT(ErrorOf({{std::string(5000, 'x'), "1s"}}), HasSubstr("unknown"));
}

// The broker hands on what stands behind a value, where nobody sees it.
TEST(ParseOptionsTest, BlanksAroundAValueAreNoPartOfIt) {
  const auto options = ParseOptions(Given{{"snapshot_refresh", "2s "},
                                          {"admin_socket", "/tmp/x.sock\t "},
                                          {"session_database", " /var/lib/x.db "},
                                          {"topics_prefix", "none "},
                                          {"session_history_ttl", "168h "}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->snapshot_refresh, absl::Seconds(2));
  EXPECT_EQ(options->listener.unix_socket_path, "/tmp/x.sock");
  EXPECT_EQ(options->remembering.database, "/var/lib/x.db");
  EXPECT_EQ(options->over_mqtt.topics.prefix, "");
}

TEST(ParseOptionsTest, AnErrorPageIsAsLongAsUrlsAre) {
  const auto of = [](size_t bytes) { return "https://x/" + std::string(bytes - 10, 'a'); };
  EXPECT_EQ(ErrorOf({{"api_error_page", of(1024)}}), "");
  EXPECT_THAT(ErrorOf({{"api_error_page", of(1025)}}), HasSubstr("1 to 1024 bytes long"));
}

TEST(ParseOptionsTest, AnAddressInTwoPlacesIsRefused) {
  EXPECT_THAT(ErrorOf({{"admin_listen", "127.0.0.1:18080 127.0.0.1:18080"}}),
              HasSubstr("plugin_opt_admin_listen: \"127.0.0.1:18080\" is given twice"));
  EXPECT_THAT(ErrorOf({{"admin_listen", "127.0.0.1:18080"},
                       {"admin_listen_tls", "127.0.0.1:18080"},
                       {"tls_certificate_file", "/c.pem"},
                       {"tls_private_key_file", "/k.pem"}}),
              HasSubstr("plugin_opt_admin_listen_tls: \"127.0.0.1:18080\" is given twice"));
}

TEST(ParseOptionsTest, AGraceForClientsThatAreForgottenAtOnceIsRefused) {
  EXPECT_THAT(ErrorOf({{"offline_grace", "30s"}, {"ended_sessions_max", "0"}}),
              HasSubstr("plugin_opt_ended_sessions_max 0"));
}

TEST(ParseOptionsTest, ANameBesideTheOneForEverybodyIsRefused) {
  EXPECT_THAT(ErrorOf({{"control_users", "* bob"}}), HasSubstr("names beside it restrict nothing"));
  EXPECT_TRUE(ParseOptions(Given{{"control_users", "*"}}).ok());
}

TEST(ParseOptionsTest, ARepeatedOptionIsRefused) {
  EXPECT_THAT(ErrorOf({{"snapshot_refresh", "1s"}, {"snapshot_refresh", "2s"}}),
              HasSubstr("plugin_opt_snapshot_refresh: given twice"));
}

TEST(ParseOptionsTest, StrangersNeedAnAccessFileAndTlsNeedsACertificate) {
  EXPECT_THAT(ErrorOf({{"admin_listen", "*:18080"}}), HasSubstr("set plugin_opt_access_file"));
  EXPECT_TRUE(
      ParseOptions(Given{{"admin_listen", "*:18080"}, {"access_file", "/etc/access.json"}}).ok());
  EXPECT_THAT(ErrorOf({{"admin_listen_tls", "*:18443"}}),
              HasSubstr("needs plugin_opt_tls_certificate_file"));
}

TEST(ParseOptionsTest, ACaFileHasACertificateInPem) {
  const std::string path = ::testing::TempDir() + "session_status_options_ca.pem";
  std::ofstream(path) << "our own CA\n-----BEGIN CERTIFICATE-----\n";
  const auto options =
      ParseOptions(Given{{"webhook_url", "https://localhost/"}, {"webhook_ca_file", path}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->following.webhook.ca_file, path);
  EXPECT_THAT(ErrorOf({{"webhook_url", "http://localhost/"}, {"webhook_ca_file", path}}),
              HasSubstr("option plugin_opt_webhook_ca_file: has no effect on a"));
  EXPECT_TRUE(
      ParseOptions(Given{{"webhook_url", "HTTPS://localhost/"}, {"webhook_ca_file", path}}).ok());
  EXPECT_THAT(ErrorOf({{"webhook_ca_file", path}}), HasSubstr("without plugin_opt_webhook_url"));
  std::filesystem::remove(path);
}

TEST(ParseOptionsTest, WhoMayReadTheMetricsOnlyIsAListOfItsOwn) {
  const auto options = ParseOptions(Given{{"metrics_socket_uids", "1005, 1006"},
                                          {"metrics_socket_gids", "2006"},
                                          {"metrics_client_names", "scraper"},
                                          {"admin_listen_tls", "127.0.0.1:1"},
                                          {"tls_certificate_file", "/x"},
                                          {"tls_private_key_file", "/x"},
                                          {"tls_client_ca_file", "/x"}});
  ASSERT_TRUE(options.ok()) << options.status();
  const transport::ListenerOptions& listener = options->listener;
  EXPECT_EQ(listener.unix_metrics_uids, (std::vector<uid_t>{1005, 1006}));
  EXPECT_EQ(listener.unix_metrics_gids, (std::vector<gid_t>{2006}));
  EXPECT_EQ(listener.tls_metrics_names, (std::vector<std::string>{"scraper"}));
  EXPECT_TRUE(listener.unix_allowed_uids.empty() && listener.unix_allowed_gids.empty());
  EXPECT_TRUE(listener.tls_client_names.empty());
}

// An empty list lets everybody in: it has to be said in so many words.
TEST(ParseOptionsTest, ARestrictionThatNamesNobodyIsRefused) {
  for (const char* name : {"admin_socket_uids", "admin_socket_gids", "tls_client_names",
                           "metrics_socket_uids", "metrics_socket_gids", "metrics_client_names"}) {
    EXPECT_THAT(ErrorOf({{name, ", ,"}}),
                HasSubstr(absl::StrCat("option plugin_opt_", name,
                                       ": \", ,\" is not none or a list of words")));
  }
}

// Somebody who sets a certificate believes that he has TLS.
TEST(ParseOptionsTest, AnOptionOfSomethingThatIsOffIsRefused) {
  EXPECT_EQ(ErrorOf({{"tls_certificate_file", "/x.pem"}}),
            "option plugin_opt_tls_certificate_file: has no effect without "
            "plugin_opt_admin_listen_tls; set that too, or remove this line");
  EXPECT_THAT(
      ErrorOf({{"admin_listen", "127.0.0.1:1"}, {"tls_client_certificate_required", "true"}}),
      HasSubstr("without plugin_opt_admin_listen_tls"));
  EXPECT_THAT(ErrorOf({{"admin_socket", "none"},
                       {"admin_listen", "127.0.0.1:1"},
                       {"admin_socket_mode", "0600"}}),
              HasSubstr("option plugin_opt_admin_socket_mode: has no effect without "
                        "plugin_opt_admin_socket; "));
  EXPECT_THAT(ErrorOf({{"admin_listen_tls", "127.0.0.1:1"},
                       {"tls_certificate_file", "/x"},
                       {"tls_private_key_file", "/x"},
                       {"tls_client_names", "ops"}}),
              HasSubstr("option plugin_opt_tls_client_names: has no effect without "
                        "plugin_opt_tls_client_ca_file; "));
  EXPECT_THAT(ErrorOf({{"admin_socket", "none"},
                       {"admin_listen", "127.0.0.1:1"},
                       {"metrics_socket_gids", "2006"}}),
              HasSubstr("option plugin_opt_metrics_socket_gids: has no effect without "
                        "plugin_opt_admin_socket; "));
  EXPECT_THAT(ErrorOf({{"metrics_client_names", "scraper"}}),
              HasSubstr("without plugin_opt_admin_listen_tls"));
  EXPECT_THAT(ErrorOf({{"admin_listen_tls", "127.0.0.1:1"},
                       {"tls_certificate_file", "/x"},
                       {"tls_private_key_file", "/x"},
                       {"metrics_client_names", "scraper"}}),
              HasSubstr("option plugin_opt_metrics_client_names: has no effect without "
                        "plugin_opt_tls_client_ca_file; "));
  EXPECT_THAT(ErrorOf({{"webhook_secret_file", "/x"}}),
              HasSubstr("without plugin_opt_webhook_url"));
  EXPECT_THAT(ErrorOf({{"topics_retain", "true"}}), HasSubstr("without plugin_opt_topics_prefix"));
  EXPECT_THAT(ErrorOf({{"fleet_name", "plant"}}), HasSubstr("without plugin_opt_fleet_url"));
  EXPECT_THAT(ErrorOf({{"node_id", "broker-1"}}), HasSubstr("without plugin_opt_fleet_url"));
  for (const auto& [name, value] : Given{{"session_database_flush", "1s"},
                                         {"session_history_ttl", "1h"},
                                         {"session_history_max", "1000"}}) {
    EXPECT_THAT(ErrorOf({{name, value}}), HasSubstr("without plugin_opt_session_database;"));
    EXPECT_TRUE(ParseOptions(Given{{"session_database", "/x.db"}, {name, value}}).ok()) << name;
  }
  Given defaults;  // as in the example of the configuration
  for (const OptionSpec& spec : OptionTable()) defaults.emplace_back(spec.name, spec.default_value);
  EXPECT_TRUE(ParseOptions(defaults).ok()) << ParseOptions(defaults).status();
}

// Nobody relies on them, so the start goes on.
TEST(ParseOptionsTest, AnOptionThatAnotherOneLeavesNothingToDoIsWarnedOf) {
  using Rows = std::vector<std::pair<Given, std::string>>;
  for (const auto& [given, need] : Rows{
           {{{"audit_slice_max", "500"}, {"audit_period", "0s"}}, "audit_period 0s; raise that"},
           {{{"audit_walk_max", "500"}, {"audit_period", "0s"}}, "audit_period 0s; raise that"},
           {{{"ended_sessions_ttl", "1h"}, {"ended_sessions_max", "0"}}, "ended_sessions_max 0;"},
           {{{"feed_heartbeat", "5s"}, {"feed_followers_max", "0"}}, "feed_followers_max 0;"},
           {{{"history_entries_max", "5"}, {"history_bytes_max", "0"}}, "history_bytes_max 0;"},
           {{{"session_history_max", "5000"},
             {"session_history_ttl", "0s"},
             {"session_database", "/x.db"}},
            "session_history_ttl 0s;"},
           {{{"topics_flap_messages", "9"},
             {"topics_flap_interval", "0s"},
             {"topics_prefix", "clients"}},
            "topics_flap_interval 0s;"},
           {{{"api_require_tls", "true"}}, "without plugin_opt_admin_listen_tls; set that too"},
           {{{"metrics_socket_uids", "1001"}, {"admin_socket_uids", "1001 1002"}},
            "beside plugin_opt_admin_socket_uids,"},
           {{{"metrics_socket_gids", "2001"}, {"admin_socket_gids", "2001"}},
            "beside plugin_opt_admin_socket_gids,"},
           {{{"metrics_client_names", "ops"},
             {"tls_client_names", "ops,dev"},
             {"admin_listen_tls", "127.0.0.1:1"},
             {"tls_certificate_file", "/x"},
             {"tls_private_key_file", "/x"},
             {"tls_client_ca_file", "/x"}},
            "beside plugin_opt_tls_client_names,"},
           {{{"api_region", "cn"}}, "without plugin_opt_access_file,"},
           {{{"api_batch_calls_per_second", "9"}}, "without plugin_opt_access_file,"},
           {{{"api_query_calls_per_second", "9"}}, "without plugin_opt_access_file,"},
           {{{"api_gateway_errors", "true"}}, "without plugin_opt_access_file,"},
           {{{"api_batch_needs_instance_access", "true"}}, "without plugin_opt_access_file,"},
           {{{"api_nonces_max", "5000"}}, "without plugin_opt_access_file,"},
           {{{"api_limit_per_account", "true"}}, "without plugin_opt_access_file,"},
           {{{"api_limit_per_account", "true"},
             {"access_file", "/x.json"},
             {"api_batch_calls_per_second", "0"},
             {"api_query_calls_per_second", "0"}},
            "api_query_calls_per_second 0; raise one of them"},
       }) {
    const auto& [name, value] = given.front();
    SCOPED_TRACE(name);
    const auto options = ParseOptions(given);
    ASSERT_TRUE(options.ok()) << options.status();
    ASSERT_EQ(options->without_effect.size(), 1u);
    const std::string& line = options->without_effect.front();
    EXPECT_THAT(line, StartsWith(absl::StrCat("option plugin_opt_", name, ": \"", value, "\" ")));
    EXPECT_THAT(line, HasSubstr(need));
    EXPECT_THAT(line, EndsWith(", or remove this line"));
  }
}

TEST(ParseOptionsTest, NobodyIsWarnedOfAnOptionThatHasSomethingToDo) {
  for (const Given& given : {
           Given{{"audit_slice_max", "500"}},
           Given{{"audit_slice_max", "200"},
                 {"audit_period", "0s"}},  // the default changes nothing
           Given{{"metrics_socket_uids", "1001 1003"}, {"admin_socket_uids", "1001"}},
           Given{{"metrics_socket_gids", "2001"}},
           Given{{"topics_flap_messages", "9"}, {"topics_prefix", "clients"}},
           Given{{"api_limit_per_account", "true"},
                 {"access_file", "/x.json"},
                 {"api_batch_calls_per_second", "0"}},
           Given{{"api_require_tls", "true"},
                 {"admin_listen_tls", "127.0.0.1:1"},
                 {"tls_certificate_file", "/x"},
                 {"tls_private_key_file", "/x"}},
       }) {
    const auto options = ParseOptions(given);
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_THAT(options->without_effect, IsEmpty()) << given.front().first;
  }
}

TEST(ParseOptionsTest, TwoDatabasesInOneFileAreRefused) {
  EXPECT_THAT(ErrorOf({{"session_database", "/x.db"}, {"usage_database", "/x.db"}}),
              HasSubstr("give each its own"));
}

TEST(ParseOptionsTest, AServiceThatNobodyCouldReachIsRefused) {
  EXPECT_THAT(ErrorOf({{"admin_socket", "none"}}), HasSubstr("nobody could ask"));
  EXPECT_TRUE(ParseOptions(Given{{"admin_socket", "none"}, {"admin_listen", "127.0.0.1:1"}}).ok());
}

// Mosquitto ignores option names shorter than three characters by refusing the configuration.
TEST(OptionTableTest, EveryRowHasAUsableNameAndHelp) {
  for (const OptionSpec& spec : OptionTable()) {
    SCOPED_TRACE(spec.name);
    EXPECT_GE(spec.name.size(), 3u);
    EXPECT_EQ(spec.help.back(), '.');
    EXPECT_FALSE(spec.default_value.empty());  // the broker cannot pass an empty value
  }
}

TEST(ParseOptionsTest, AFleetIsEnginesANameAndThisNode) {
  EXPECT_TRUE(ParseOptions({})->fleet.engines.empty()) << "nothing of a fleet without fleet_url";
  const auto options = ParseOptions(
      Given{{"fleet_url", "sentinel://10.0.0.1,10.0.0.2:26380/main  redis://[::1]:6380/3"},
            {"node_id", "broker-1"},
            {"snapshot_refresh", "250ms"}});
  ASSERT_TRUE(options.ok()) << options.status();
  const fleet::FleetOptions& fleet = options->fleet;
  ASSERT_EQ(fleet.engines.size(), 2u);
  ASSERT_EQ(fleet.engines[0].hosts.size(), 2u);
  EXPECT_EQ(fleet.engines[0].primary_name, "main");
  EXPECT_EQ(fleet.engines[0].hosts[0].port, 26379);
  EXPECT_EQ(fleet.engines[1].hosts[0].host, "::1");
  EXPECT_EQ(fleet.engines[1].database, 3);
  EXPECT_EQ(fleet.node_id, "broker-1");
  EXPECT_EQ(fleet.lease, absl::Seconds(3));
  EXPECT_EQ(fleet.takeover, fleet::Takeover::kKick);
  EXPECT_EQ(fleet.snapshot_refresh, absl::Milliseconds(250));
}

TEST(ParseOptionsTest, APasswordInAnEnginesUrlIsRefusedAndNotRepeated) {
  const std::string error = ErrorOf({{"fleet_url", "redis://user:secret@host"}});
  EXPECT_THAT(error, HasSubstr("option plugin_opt_fleet_url: a password does not belong"));
  EXPECT_THAT(error, HasSubstr("use plugin_opt_fleet_credentials_file"));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("secret")));
}

TEST(ParseOptionsTest, AFleetIsOneInstance) {
  EXPECT_THAT(ErrorOf({{"fleet_url", "redis://127.0.0.1"}, {"instances_by_username", "true"}}),
              HasSubstr("a fleet is one instance"));
  EXPECT_THAT(ErrorOf({{"fleet_url", "redis://127.0.0.1"}, {"instances_by_listener", "1884=b"}}),
              HasSubstr("a fleet is one instance"));
}

}  // namespace
}  // namespace session_status
