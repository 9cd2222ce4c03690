#include "tests/fleet/redis_process.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

std::string Text(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) return absl::StrCat(reply.integer);
  if (reply.type != REDIS_REPLY_ARRAY) {
    return reply.str == nullptr ? "" : std::string(reply.str, reply.len);
  }
  std::string out;
  for (size_t i = 0; i < reply.elements; ++i) {
    absl::StrAppend(&out, i == 0 ? "" : " ", Text(*reply.element[i]));
  }
  return out;
}

}  // namespace

RedisProcess::RedisProcess(std::vector<std::string> arguments)
    : port_(FreePort()), arguments_(std::move(arguments)) {
  Start();
}

std::unique_ptr<RedisProcess> RedisProcess::WithClock(const std::string& library) {
  auto redis = std::make_unique<RedisProcess>();
  redis->Kill();
  redis->clock_library_ = library;
  redis->SetClock(absl::ZeroDuration());
  redis->Start();
  return redis;
}

void RedisProcess::SetClock(absl::Duration ahead) {
  // In one piece: it is read at every moment.
  const std::string next =
      dir_.Write("clock.next", absl::StrCat(absl::ToInt64Seconds(ahead), "\n"));
  rename(next.c_str(), dir_.File("clock").c_str());
}

std::unique_ptr<RedisProcess> RedisProcess::Sentinel(uint16_t primary_port) {
  auto sentinel = std::make_unique<RedisProcess>(std::vector<std::string>{"--appendonly", "no"});
  sentinel->Kill();
  sentinel->sentinel_ = true;
  sentinel->dir_.Write("sentinel.conf",
                       absl::StrCat("port ", sentinel->port_, "\nbind 127.0.0.1\n",
                                    "sentinel monitor fleet 127.0.0.1 ", primary_port, " 1\n",
                                    "sentinel down-after-milliseconds fleet 500\n",
                                    "sentinel failover-timeout fleet 2000\n"));
  sentinel->Start();
  return sentinel;
}

std::unique_ptr<RedisProcess> RedisProcess::ClusterNode() {
  const uint16_t cluster_port = FreePort();
  auto node = std::make_unique<RedisProcess>(std::vector<std::string>{
      "--cluster-enabled", "yes", "--cluster-port", absl::StrCat(cluster_port),
      "--cluster-node-timeout", "2000", "--cluster-replica-validity-factor", "0"});
  node->cluster_port_ = cluster_port;
  return node;
}

RedisProcess::~RedisProcess() { Kill(); }

void RedisProcess::Start() {
  std::vector<std::string> words;
  if (sentinel_) {
    words = {"redis-sentinel", dir_.File("sentinel.conf")};
  } else {
    words = {"redis-server",
             "--port",
             absl::StrCat(port_),
             "--bind",
             "127.0.0.1",
             "--dir",
             dir_.path(),
             "--save",
             "",
             "--appendonly",
             "no",
             "--repl-diskless-sync-delay",
             "0"};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
  }
  const std::string log = dir_.File("log");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (!clock_library_.empty()) {
      setenv("LD_PRELOAD", clock_library_.c_str(), 1);
      setenv("ENGINE_CLOCK", dir_.File("clock").c_str(), 1);
    }
    execvp(argv[0], argv.data());
    _exit(127);
  }
  if (!WaitUntil([this] { return Command("PING") == "PONG"; })) {
    fprintf(stderr, "%s does not answer: %s\n", argv[0], ReadFile(log).c_str());
    abort();
  }
}

void RedisProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisProcess::Signal(int signal) { kill(pid_, signal); }
void RedisProcess::Save() { Command("SAVE"); }

std::string RedisProcess::Command(const std::string& words) {
  const timeval wait = {5, 0};
  const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
      redisConnectWithTimeout("127.0.0.1", port_, wait), redisFree);
  if (context == nullptr || context->err != 0) return "";
  redisSetTimeout(context.get(), wait);
  const std::vector<std::string> parts = absl::StrSplit(words, ' ');
  std::vector<const char*> argv;
  std::vector<size_t> sizes;
  for (const std::string& part : parts) {
    argv.push_back(part.data());
    sizes.push_back(part.size());
  }
  const std::unique_ptr<redisReply, void (*)(void*)> reply(
      static_cast<redisReply*>(redisCommandArgv(context.get(), static_cast<int>(argv.size()),
                                                argv.data(), sizes.data())),
      freeReplyObject);
  return reply == nullptr ? "" : Text(*reply);
}

uint64_t RedisProcess::UsedMemory() {
  for (absl::string_view line : absl::StrSplit(Command("INFO memory"), "\r\n")) {
    uint64_t bytes = 0;
    if (absl::ConsumePrefix(&line, "used_memory:") && absl::SimpleAtoi(line, &bytes)) return bytes;
  }
  return 0;
}

}  // namespace session_status::testing
