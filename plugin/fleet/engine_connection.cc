#include "plugin/fleet/engine_connection.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugin/fleet/functions.h"
#include "plugin/fleet/slot_map.h"

namespace session_status::fleet {
namespace {

// hiredis frees its input buffer when it is empty and larger than this; a reload would pay for
// that with every pipeline.
constexpr size_t kInputBufferBytes = 1 << 20;

// The engine answers, but not as one that can serve: it lost its role, or is loading its data.
bool MeansNotServing(absl::string_view error) {
  return absl::StartsWith(error, "READONLY") || absl::StartsWith(error, "LOADING") ||
         absl::StartsWith(error, "MASTERDOWN") || absl::StartsWith(error, "NOAUTH") ||
         absl::StrContains(error, "Function not found");
}

// What only a node of a cluster says.
bool MeansCluster(absl::string_view error) {
  return MeansTryLater(error) || absl::StartsWith(error, "CROSSSLOT");
}

// Counts the one wait that it lives through.
class Wait {
 public:
  explicit Wait(Patience& patience) : patience_(patience) {}
  ~Wait() {
    const auto took = absl::FromChrono(std::chrono::steady_clock::now() - begun_);
    patience_.waited += std::min(took, patience_.timeout);
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  Patience& patience_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace

bool Reply::is_error() const { return reply_->type == REDIS_REPLY_ERROR; }
bool Reply::is_nil() const { return reply_->type == REDIS_REPLY_NIL; }
absl::string_view Reply::text() const {
  if (reply_->str == nullptr) return "";
  return {reply_->str, reply_->len};
}
int64_t Reply::integer() const {
  if (reply_->type == REDIS_REPLY_INTEGER) return reply_->integer;
  int64_t value = 0;
  return absl::SimpleAtoi(text(), &value) ? value : 0;
}
size_t Reply::size() const { return reply_->type == REDIS_REPLY_ARRAY ? reply_->elements : 0; }
Reply Reply::operator[](size_t i) const {
  static const redisReply nil = [] {
    redisReply reply{};
    reply.type = REDIS_REPLY_NIL;
    return reply;
  }();
  return Reply(i < size() ? reply_->element[i] : &nil);
}

void EngineConnection::ContextDeleter::operator()(redisContext* c) const { redisFree(c); }

EngineConnection::EngineConnection(const EngineAddress& address, std::string credentials_file,
                                   Patience& patience, HostNames& names)
    : address_(address),
      credentials_file_(std::move(credentials_file)),
      patience_(patience),
      names_(names),
      endpoint_(address.text) {}

EngineConnection::~EngineConnection() = default;

void EngineConnection::Close() {
  context_.reset();
  handlers_.clear();
}

absl::Status EngineConnection::Fail(absl::string_view what) {
  std::string message = absl::StrCat(endpoint_, ": ", what);
  Close();
  return absl::UnavailableError(message);
}

absl::StatusOr<std::string> EngineConnection::Address(const std::string& host) {
  const Wait wait(patience_);
  return names_.Find(host, patience_.timeout);
}

absl::Status EngineConnection::Dial(const std::string& host, uint16_t port) {
  Close();
  const timeval timeout = absl::ToTimeval(patience_.timeout);
  if (address_.unix_path.empty()) {
    endpoint_ = absl::StrCat(host, ":", port);
    if (names_.stopping()) return Fail("stopping");  // between two hosts, or two engines
    // hiredis would ask the resolver itself, and its time-out does not bound that.
    const absl::StatusOr<std::string> ip = Address(host);
    if (!ip.ok()) return Fail(ip.status().message());
    const Wait wait(patience_);
    context_.reset(redisConnectWithTimeout(ip->c_str(), port, timeout));
  } else {
    endpoint_ = address_.unix_path;
    const Wait wait(patience_);
    context_.reset(redisConnectUnixWithTimeout(address_.unix_path.c_str(), timeout));
  }
  if (context_ == nullptr) return Fail("out of memory");
  if (context_->err != 0) return Fail(context_->errstr);
  // A program that somebody else in the broker starts must not have what we log in on.
  fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
  if (redisSetTimeout(context_.get(), timeout) != REDIS_OK) return Fail(context_->errstr);
  context_->reader->maxbuf = kInputBufferBytes;
  arena_.Attach(context_.get());
  return absl::OkStatus();
}

absl::Status EngineConnection::AskSentinels(EngineAddress::HostPort* primary) {
  absl::Status status = absl::UnavailableError("no Sentinel given");
  for (const EngineAddress::HostPort& sentinel : address_.hosts) {
    status = Dial(sentinel.host, sentinel.port);
    if (status.ok()) status = AskSentinel(primary);
    if (status.ok()) return status;
  }
  return status;
}

absl::Status EngineConnection::AskSentinel(EngineAddress::HostPort* primary) {
  std::string refusal;
  const auto ask = [&] {
    refusal.clear();
    primary->host.clear();
    return Ask({"SENTINEL", "get-master-addr-by-name", address_.primary_name},
               [&](const Reply& reply) {
                 if (reply.is_error()) refusal = std::string(reply.text());
                 if (reply.size() != 2) return;
                 primary->host = std::string(reply[0].text());
                 primary->port = static_cast<uint16_t>(reply[1].integer());
               });
  };
  if (absl::Status s = ask(); !s.ok()) return s;
  // Many have no password, and are not told the engine's.
  if (absl::StartsWith(refusal, "NOAUTH") && !credentials_file_.empty()) {
    if (absl::Status s = Authenticate(); !s.ok()) return s;
    if (absl::Status s = ask(); !s.ok()) return s;
  }
  if (!refusal.empty()) return Fail(absl::StrCat("this Sentinel says ", refusal));
  if (!primary->host.empty()) return absl::OkStatus();
  return Fail(absl::StrCat("this Sentinel knows no ", address_.primary_name));
}

absl::Status EngineConnection::Authenticate() {
  // Read each time: a rotated password works without a restart.
  Credentials credentials;
  if (absl::Status s = ReadCredentials(credentials_file_, &credentials); !s.ok()) {
    Close();
    return s;
  }
  return credentials.user.empty() ? Require({"AUTH", credentials.password})
                                  : Require({"AUTH", credentials.user, credentials.password});
}

absl::Status EngineConnection::LogIn() {
  if (!credentials_file_.empty()) {
    if (absl::Status s = Authenticate(); !s.ok()) return s;
  }
  if (address_.database == 0) return absl::OkStatus();
  // Refused, the connection would stay in database 0, maybe in another fleet.
  const std::string database = absl::StrCat(address_.database);
  return Require({"SELECT", database}, absl::StrCat("database ", database, ": "));
}

absl::Status EngineConnection::CheckPrimary() {
  std::string role;
  std::string error;
  if (absl::Status s = Ask({"ROLE"},
                           [&](const Reply& reply) {
                             if (reply.is_error()) error = std::string(reply.text());
                             if (reply.size() > 0) role = std::string(reply[0].text());
                           });
      !s.ok()) {
    return s;
  }
  // An access list may forbid ROLE; a replica then shows itself at the first write.
  if (absl::StartsWith(error, "NOPERM")) return absl::OkStatus();
  if (!error.empty()) return Fail(error);
  return role == "master" ? absl::OkStatus() : Fail("is a replica now");
}

absl::Status EngineConnection::LoadFunctions() {
  std::string error;
  // A call without keys tells by its error whether the function is there, and changes nothing.
  if (absl::Status s = Ask({"FCALL_RO", "ss1_look", "0"},
                           [&error](const Reply& reply) { error = std::string(reply.text()); });
      !s.ok()) {
    return s;
  }
  if (absl::StrContains(error, "unknown command")) {
    return Fail(absl::StrCat("is older than Redis 7, or has no functions: ",
                             error.substr(0, error.find(','))));
  }
  if (!absl::StrContains(error, "Function not found")) return absl::OkStatus();
  error.clear();
  if (absl::Status s = Ask({"FUNCTION", "LOAD", kFunctionsLua},
                           [&error](const Reply& reply) {
                             if (reply.is_error()) error = std::string(reply.text());
                           });
      !s.ok()) {
    return s;
  }
  // Another node may have been faster.
  if (error.empty() || absl::StrContains(error, "already exists")) return absl::OkStatus();
  return Fail(absl::StrCat("cannot load the fleet's functions: ", error));
}

absl::Status EngineConnection::Reach(const EngineAddress::HostPort& target) {
  if (absl::Status s = Dial(target.host, target.port); !s.ok()) return s;
  return LogIn();
}

absl::Status EngineConnection::Reach() {
  return Reach(address_.hosts.empty() ? EngineAddress::HostPort() : address_.hosts.front());
}

absl::Status EngineConnection::Open() {
  if (address_.primary_name.empty()) {
    if (absl::Status s = Reach(); !s.ok()) return s;
  } else {
    EngineAddress::HostPort primary;
    if (absl::Status s = AskSentinels(&primary); !s.ok()) return s;
    if (absl::Status s = Reach(primary); !s.ok()) return s;
  }
  if (absl::Status s = CheckPrimary(); !s.ok()) return s;
  return LoadFunctions();
}

absl::Status EngineConnection::Ask(std::initializer_list<absl::string_view> command,
                                   const Handler& handler) {
  if (context_ == nullptr) return absl::UnavailableError("not connected");
  std::vector<const char*> words;
  std::vector<size_t> sizes;
  for (absl::string_view word : command) {
    words.push_back(word.data());
    sizes.push_back(word.size());
  }
  arena_.Reset();
  const redisReply* reply = nullptr;
  {
    const Wait wait(patience_);
    reply = static_cast<const redisReply*>(redisCommandArgv(
        context_.get(), static_cast<int>(words.size()), words.data(), sizes.data()));
  }
  if (reply == nullptr) return Fail(context_->errstr);
  handler(Reply(reply));
  return absl::OkStatus();
}

absl::Status EngineConnection::Require(std::initializer_list<absl::string_view> command,
                                       absl::string_view about) {
  std::string refusal;
  absl::Status s = Ask(command, [&refusal](const Reply& reply) {
    if (reply.is_error()) refusal = std::string(reply.text());
  });
  if (!s.ok() || refusal.empty()) return s;
  return Fail(absl::StrCat(about, refusal));
}

void EngineConnection::Add(absl::Span<const absl::string_view> command, Handler handler) {
  if (context_ == nullptr) return;
  std::vector<const char*> words;
  std::vector<size_t> sizes;
  words.reserve(command.size());
  sizes.reserve(command.size());
  for (absl::string_view word : command) {
    words.push_back(word.data());
    sizes.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), words.data(),
                         sizes.data());
  handlers_.push_back(std::move(handler));
}

absl::Status EngineConnection::Send() {
  if (context_ == nullptr) return absl::UnavailableError("not connected");
  for (int done = 0; done == 0;) {
    const Wait wait(patience_);
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return Fail(context_->errstr);
  }
  return absl::OkStatus();
}

std::string EngineConnection::Refusal(absl::string_view error) const {
  if (MeansNotServing(error)) return std::string(error);
  if (address_.cluster || !MeansCluster(error)) return "";
  return absl::StrCat("is a node of a Redis Cluster, for which fleet_url must be cluster://",
                      endpoint_);
}

absl::Status EngineConnection::Next(const redisReply** reply) {
  const Wait wait(patience_);
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) != REDIS_OK) return Fail(context_->errstr);
  *reply = static_cast<const redisReply*>(raw);
  return absl::OkStatus();
}

absl::Status EngineConnection::Receive() {
  if (context_ == nullptr) return absl::UnavailableError("not connected");
  std::string not_serving;
  while (!handlers_.empty()) {
    arena_.Reset();
    const redisReply* reply = nullptr;
    if (absl::Status s = Next(&reply); !s.ok()) return s;
    const Handler handler = std::move(handlers_.front());
    handlers_.pop_front();
    const Reply view(reply);
    if (view.is_error()) {
      if (std::string refusal = Refusal(view.text()); !refusal.empty()) {
        not_serving = std::move(refusal);
      }
    }
    handler(view);
  }
  if (!not_serving.empty()) return Fail(not_serving);
  return absl::OkStatus();
}

absl::Status EngineConnection::Execute() {
  if (absl::Status s = Send(); !s.ok()) return s;
  return Receive();
}

}  // namespace session_status::fleet
