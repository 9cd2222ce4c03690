// The query of GET /v1/sessions, as JSON lines and as CSV: what is listed is what a second, plainer
// reading of the same filter wants, each session once; and what that reading cannot make
// sense of is refused with a reason.
//
// The input is a query string. The sessions are always the same: kSessions.
#include <arpa/inet.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "plugin/http/query_string.h"
#include "plugin/listing/sessions_surface.h"
#include "tests/fuzz/fuzz.h"
#include "tests/listing/listing_fixture.h"

namespace session_status::listing {
namespace {

using registry::EndReason;
using registry::ProtocolVersion;
using registry::SessionState;

constexpr size_t kQueryBytesMax = 2048;
constexpr int kReadsMax = 1000;

struct Session {
  const char* id;
  const char* address;
  ProtocolVersion protocol = ProtocolVersion::kMqtt5;
  uint16_t listener = 1883;
  int64_t connected_s = 0;     // after kStart
  int64_t disconnected_s = 0;  // likewise; 0: online
  EndReason reason = EndReason::kNone;
  bool kept = false;
};

const Session kSessions[] = {
    {"lamp", "10.0.0.7"},
    {"lamp-2", "10.255.0.1", ProtocolVersion::kMqtt311},
    {"g@@@a", "10.0.0.8", ProtocolVersion::kMqtt31, 8883, 10},
    {"g@@@b", "::1", ProtocolVersion::kMqtt5, 8883, 10, 20, EndReason::kNetworkError},
    {"g@@@", "2001:db8::1", ProtocolVersion::kMqtt5, 8883, 11, 21, EndReason::kTakenOver, true},
    {"@@@x", "::ffff:10.0.0.9", ProtocolVersion::kMqtt311, 8884, 12},
    {"=1+1", "192.168.7.128", ProtocolVersion::kMqtt5, 0, 13},
    {"#error", "", ProtocolVersion::kUnknown, 0, 14},
    {"a,\"b\"\r\nc", "/run/mqtt.sock", ProtocolVersion::kMqtt5, 65535, 15},
    {"\xE4\xBD\xA0\xE5\xA5\xBD", "0.0.0.0", ProtocolVersion::kMqtt5, 1, 16, 30,
     EndReason::kClientDisconnect},
    {"lam", "255.255.255.255", ProtocolVersion::kMqtt5, 1883, 17, 31, EndReason::kKicked, true},
    {" ", "fe80::1", ProtocolVersion::kMqtt5, 1883, 18},
};

SessionState StateOf(const Session& s) {
  if (s.disconnected_s == 0) return SessionState::kOnline;
  return s.kept ? SessionState::kOfflineSessionKept : SessionState::kOffline;
}

class World {
 public:
  World() {
    uint64_t incarnation = 0;
    for (const Session& s : kSessions) {
      registry::SessionEvent e;
      e.client_id = s.id;
      e.incarnation = ++incarnation;
      e.time = kStart + absl::Seconds(s.connected_s);
      e.connection.address = s.address;
      e.connection.username = "=cmd";
      e.connection.listener_port = s.listener;
      e.connection.protocol_version = s.protocol;
      writer_.Apply(e);
      if (s.disconnected_s == 0) continue;
      e.kind = registry::SessionEvent::Kind::kEnded;
      e.time = kStart + absl::Seconds(s.disconnected_s);
      e.reason = s.reason;
      e.session_kept = s.kept;
      writer_.Apply(e);
    }
  }
  SessionsSurface& surface() { return surface_; }

 private:
  os::Poller poller_{absl::Milliseconds(10)};
  Writer writer_{poller_, {.ring_bytes = size_t{1} << 16}, {}, size_t{1} << 16};
  Lister lister_{writer_.cuts, kEpoch, absl::Seconds(1)};
  SessionsSurface surface_{lister_};
};

// -- the plainer reading --------------------------------------------------------------------------

// 32 or 128 zeros and ones; empty: no address.
std::string BitsOf(const std::string& address) {
  unsigned char bytes[16];
  size_t size = 0;
  if (absl::StrContains(address, absl::string_view("\0", 1))) return "";
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) size = 4;
  if (size == 0 && inet_pton(AF_INET6, address.c_str(), bytes) == 1) size = 16;
  std::string bits;
  for (size_t i = 0; i < size * 8; ++i) bits += (bytes[i / 8] >> (7 - i % 8) & 1) != 0 ? '1' : '0';
  return bits;
}

// IPv4 addresses stand in their own corner of IPv6.
std::string Mapped(const std::string& bits) {
  return bits.size() == 32 ? std::string(80, '0') + std::string(16, '1') + bits : bits;
}

class Filter {
 public:
  // False: it must be refused.
  bool Read(absl::string_view query) {
    const auto pairs = http::ParseQueryString(query);
    if (!pairs.ok()) return false;
    std::set<std::string> seen;
    for (const auto& [name, value] : *pairs) {
      if (!http::CheckTextParameters({{name, value}}, {}).ok()) return false;
      const bool adds_up = name == "fields" || name == "state" || name == "reason";
      if (!seen.insert(name).second && !adds_up) return false;
      if (!ReadOne(name, value)) return false;
    }
    return connected.IsInOrder() && disconnected.IsInOrder();
  }

  bool Wants(const Session& s) const {
    if (!states.empty() && states.count(static_cast<int>(StateOf(s))) == 0) return false;
    if (!reasons.empty() && reasons.count(static_cast<int>(s.reason)) == 0) return false;
    if (std::string(s.id).compare(0, prefix.size(), prefix) != 0) return false;
    const std::vector<std::string> parts = absl::StrSplit(s.id, absl::MaxSplits("@@@", 1));
    if (!group.empty() && (parts.size() != 2 || parts[0] != group)) return false;
    if (protocol != ProtocolVersion::kUnknown && s.protocol != protocol) return false;
    if (listener != 0 && s.listener != listener) return false;
    if (!network.empty() || any_network) {
      const std::string bits = Mapped(BitsOf(s.address));
      if (bits.empty() || bits.compare(0, network.size(), network) != 0) return false;
    }
    return Within(kStart + absl::Seconds(s.connected_s), true, connected) &&
           Within(kStart + absl::Seconds(s.disconnected_s), s.disconnected_s != 0, disconnected);
  }

  bool csv = false;
  std::vector<std::string> fields;

 private:
  struct Range {
    bool has_from = false, has_until = false;
    int64_t from = 0, until = 0;
    bool IsInOrder() const { return !has_from || !has_until || from <= until; }
  };

  static bool Within(absl::Time t, bool known, const Range& range) {
    if (!range.has_from && !range.has_until) return true;
    const int64_t ms = absl::ToUnixMillis(t);
    return known && (!range.has_from || ms >= range.from) && (!range.has_until || ms < range.until);
  }

  static bool ReadNames(const std::string& value, absl::string_view prefix, int first, int count,
                        const std::string& (*name_of)(int), std::set<int>* out) {
    for (absl::string_view word : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
      int found = -1;
      for (int i = first; i < count; ++i) {
        if (name_of(i) == absl::StrCat(prefix, absl::AsciiStrToUpper(word))) found = i;
      }
      if (found < 0) return false;
      out->insert(found);
    }
    return !out->empty();
  }

  static bool ReadTime(const std::string& value, bool* has, int64_t* out) {
    *has = true;
    if (absl::SimpleAtoi(value, out)) return true;
    absl::Time time;
    std::string why;
    if (!absl::ParseTime(absl::RFC3339_full, value, &time, &why)) return false;
    *out = absl::ToUnixMillis(time);
    return true;
  }

  bool ReadAddress(const std::string& value) {
    const std::vector<std::string> parts = absl::StrSplit(value, absl::MaxSplits('/', 1));
    const std::string bits = BitsOf(parts[0]);
    if (bits.empty()) return false;
    uint32_t length = static_cast<uint32_t>(bits.size());
    if (parts.size() == 2 && (!absl::SimpleAtoi(parts[1], &length) || length > bits.size())) {
      return false;
    }
    any_network = true;
    network = Mapped(bits).substr(0, length + (bits.size() == 32 ? 96 : 0));
    return true;
  }

  bool ReadOne(const std::string& name, const std::string& value) {
    if (name == "format") {
      csv = value == "csv";
      return csv || value == "jsonl";
    }
    if (name == "fields") {
      for (absl::string_view f : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
        if (std::find(fields.begin(), fields.end(), f) == fields.end()) fields.emplace_back(f);
      }
      return true;  // which there are, the heading shows
    }
    if (name == "state") {
      return ReadNames(
          value, "SESSION_STATE_", 1, registry::kSessionStateCount,
          [](int i) -> const std::string& {
            return pb::SessionState_Name(static_cast<pb::SessionState>(i));
          },
          &states);
    }
    if (name == "reason") {
      return ReadNames(
          value, "END_REASON_", 0, registry::kEndReasonCount,
          [](int i) -> const std::string& {
            return pb::EndReason_Name(static_cast<pb::EndReason>(i));
          },
          &reasons);
    }
    if (name == "prefix") return prefix = value, true;
    if (name == "group") return group = value, !value.empty();
    if (name == "address") return ReadAddress(value);
    if (name == "protocol") {
      if (value == "3.1") protocol = ProtocolVersion::kMqtt31;
      if (value == "3.1.1") protocol = ProtocolVersion::kMqtt311;
      if (value == "5" || value == "5.0") protocol = ProtocolVersion::kMqtt5;
      return protocol != ProtocolVersion::kUnknown;
    }
    if (name == "listener") {
      return absl::SimpleAtoi(value, &listener) && listener >= 1 && listener <= 65'535;
    }
    if (name == "connected_from") return ReadTime(value, &connected.has_from, &connected.from);
    if (name == "connected_until") return ReadTime(value, &connected.has_until, &connected.until);
    if (name == "disconnected_from") {
      return ReadTime(value, &disconnected.has_from, &disconnected.from);
    }
    if (name == "disconnected_until") {
      return ReadTime(value, &disconnected.has_until, &disconnected.until);
    }
    return false;
  }

  std::set<int> states, reasons;
  std::string prefix, group, network;
  bool any_network = false;  // by address, be it of no bits
  ProtocolVersion protocol = ProtocolVersion::kUnknown;
  uint32_t listener = 0;
  Range connected, disconnected;
};

// -- what came ------------------------------------------------------------------------------------

// RFC 4180: lines of cells, each line ended by CRLF.
std::vector<std::vector<std::string>> ReadCsv(absl::string_view text) {
  std::vector<std::vector<std::string>> lines;
  while (!text.empty()) {
    lines.emplace_back();
    for (bool more = true; more;) {
      std::string cell;
      if (text[0] == '"') {
        text.remove_prefix(1);
        for (;;) {
          const size_t quote = text.find('"');
          FUZZ_CHECK(quote != absl::string_view::npos);
          absl::StrAppend(&cell, text.substr(0, quote));
          text.remove_prefix(quote + 1);
          if (text.empty() || text[0] != '"') break;
          cell += '"';
          text.remove_prefix(1);
        }
      } else {
        const size_t end = std::min(text.find_first_of(",\r\n\""), text.size());
        cell = std::string(text.substr(0, end));
        text.remove_prefix(end);
        // What a spreadsheet would run, or a reader take for the end of a broken listing.
        FUZZ_CHECK(cell.empty() || absl::string_view("=+-@\t#").find(cell[0]) == cell.npos);
      }
      lines.back().push_back(std::move(cell));
      more = !text.empty() && text[0] == ',';
      if (more) text.remove_prefix(1);
      FUZZ_CHECK(!more || !text.empty());
    }
    FUZZ_CHECK(text.substr(0, 2) == "\r\n");
    text.remove_prefix(2);
  }
  return lines;
}

std::vector<std::string> IdsOfJson(absl::string_view body) {
  std::vector<std::string> ids;
  for (absl::string_view line : absl::StrSplit(body, '\n')) {
    if (line.empty()) continue;
    rapidjson::Document session;
    session.Parse<rapidjson::kParseValidateEncodingFlag>(line.data(), line.size());
    FUZZ_CHECK(!session.HasParseError() && session.IsObject());
    FUZZ_CHECK(session.HasMember("clientId") && session["clientId"].IsString());
    ids.emplace_back(session["clientId"].GetString(), session["clientId"].GetStringLength());
  }
  FUZZ_CHECK(body.empty() || body.back() == '\n');
  return ids;
}

std::vector<std::string> IdsOfCsv(absl::string_view body, const Filter& filter, size_t wanted) {
  std::vector<std::vector<std::string>> lines = ReadCsv(body);
  FUZZ_CHECK(!lines.empty());
  const std::vector<std::string> heading = lines.front();
  FUZZ_CHECK(filter.fields.empty() || heading.size() == filter.fields.size());
  const auto column = std::find(heading.begin(), heading.end(), "clientId") - heading.begin();
  FUZZ_CHECK(lines.size() == wanted + 1);
  std::vector<std::string> ids;
  for (size_t i = 1; i < lines.size(); ++i) {
    FUZZ_CHECK(lines[i].size() == heading.size());
    if (static_cast<size_t>(column) == heading.size()) continue;
    std::string id = lines[i][static_cast<size_t>(column)];
    if (id.size() > 1 && id[0] == '\'' && absl::string_view("=+-@\t'").find(id[1]) != id.npos) {
      id.erase(0, 1);
    }
    ids.push_back(std::move(id));
  }
  if (static_cast<size_t>(column) == heading.size()) return {};
  return ids;
}

void CheckIds(std::vector<std::string> ids, std::vector<std::string> wanted) {
  std::sort(ids.begin(), ids.end());
  std::sort(wanted.begin(), wanted.end());
  FUZZ_CHECK(ids == wanted);
}

void Ask(absl::string_view query) {
  static World world;
  http::Request request;
  request.method = "GET";
  request.path = SessionsSurface::kPath;
  request.query = query;
  request.now = kStart + absl::Hours(1);
  http::Reply reply;
  world.surface().Handle(request, &reply);

  Filter filter;
  const bool sound = filter.Read(query);
  if (reply.stream == nullptr) {
    FUZZ_CHECK(reply.status == 400 && !reply.body.empty());
    FUZZ_CHECK(!sound || !filter.fields.empty());  // a field that there is not
    return;
  }
  FUZZ_CHECK(sound && reply.status == 200);
  std::string body = std::move(reply.body);
  int reads = 0;
  reply.stream->Start([] {});
  while (reply.stream->Next(100, &body) != http::BodyStream::Progress::kDone) {
    FUZZ_CHECK(++reads < kReadsMax);
  }
  std::vector<std::string> wanted;
  for (const Session& s : kSessions) {
    if (filter.Wants(s)) wanted.emplace_back(s.id);
  }
  if (!filter.csv) return CheckIds(IdsOfJson(body), std::move(wanted));
  std::vector<std::string> ids = IdsOfCsv(body, filter, wanted.size());
  if (!ids.empty()) CheckIds(std::move(ids), std::move(wanted));
}

}  // namespace
}  // namespace session_status::listing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  session_status::listing::Ask({reinterpret_cast<const char*>(data),
                                std::min(size, session_status::listing::kQueryBytesMax)});
  return 0;
}
