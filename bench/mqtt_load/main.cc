// A crowd of MQTT clients for tools/load.
//
//   mqtt_load --targets=127.0.0.1:1883,127.0.0.2:1883 [--keepalive=600]
//             [--socket=PATH --queries=1000]
//
// Reads commands from standard input, one a line, and prints a line of JSON for each:
//   ramp N                               connects until N clients are up
//   hold SECONDS CHURN TAKEOVERS PINGS   CHURN events a second, TAKEOVERS of them (0 to 1)
//                                        takeovers, a ping of every client each PINGS seconds; also
//                                        prints one line each second. With --socket, batches are
//                                        asked meanwhile.
//   leave-odd                            every second client disconnects
// Ends with its input; all connections end with it.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bench/mqtt_load/query_probe.h"
#include "bench/mqtt_load/swarm.h"

namespace session_status::bench {
namespace {

struct Settings {
  std::vector<transport::SocketAddress> targets;
  int keepalive_s = 600;
  std::string socket;
  double queries_per_second = 1000;
};

bool ReadSettings(int argc, char** argv, Settings* s) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view arg = argv[i];
    if (absl::ConsumePrefix(&arg, "--targets=")) {
      for (absl::string_view text : absl::StrSplit(arg, ',')) {
        const auto address = transport::ParseTcpAddress(text);
        if (!address.ok()) return false;
        s->targets.push_back(*address);
      }
    } else if (absl::ConsumePrefix(&arg, "--keepalive=")) {
      if (!absl::SimpleAtoi(arg, &s->keepalive_s)) return false;
    } else if (absl::ConsumePrefix(&arg, "--socket=")) {
      s->socket = std::string(arg);
    } else if (absl::ConsumePrefix(&arg, "--queries=")) {
      if (!absl::SimpleAtod(arg, &s->queries_per_second)) return false;
    } else {
      return false;
    }
  }
  return !s->targets.empty();
}

void PrintLatency(const char* name, const LatencyHistogram& h) {
  std::printf(", \"%s\": {\"count\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}",
              name, static_cast<unsigned long long>(h.count()), h.QuantileUs(0.5),
              h.QuantileUs(0.99), h.QuantileUs(0.999));
}

class Load {
 public:
  explicit Load(const Settings& settings)
      : settings_(settings),
        swarm_(settings.targets, static_cast<uint16_t>(settings.keepalive_s)) {}

  bool Do(absl::string_view line) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    uint32_t count = 0;
    HoldSettings hold;
    if (words[0] == "ramp" && words.size() == 2 && absl::SimpleAtoi(words[1], &count)) {
      Ramp(count);
    } else if (words[0] == "hold" && words.size() == 5 &&
               absl::SimpleAtod(words[1], &hold.seconds) &&
               absl::SimpleAtod(words[2], &hold.churn_per_second) &&
               absl::SimpleAtod(words[3], &hold.takeover_share) &&
               absl::SimpleAtod(words[4], &hold.ping_seconds)) {
      Hold(hold);
    } else if (words[0] == "leave-odd") {
      swarm_.LeaveOdd();
      Print("left", 0, swarm_.Take(), {});
    } else {
      return false;
    }
    return true;
  }

 private:
  void Ramp(uint32_t count) {
    const int64_t start = NowNs();
    swarm_.Ramp(count);
    clients_ = count;
    Print("ramp", static_cast<double>(NowNs() - start) / 1e9, swarm_.Take(), {});
  }

  // A line each second, and one for all of it.
  void Hold(const HoldSettings& hold) {
    const int64_t start = NowNs();
    const auto seconds = [start] { return static_cast<double>(NowNs() - start) / 1e9; };
    std::unique_ptr<QueryProbe> probe;
    if (!settings_.socket.empty()) {
      probe =
          std::make_unique<QueryProbe>(settings_.socket, clients_, settings_.queries_per_second);
    }
    SwarmFigures swarm_all;
    QueryFigures query_all;
    const auto take = [&](bool print) {
      const SwarmFigures swarm = swarm_.Take();
      const QueryFigures query = probe != nullptr ? probe->Take() : QueryFigures();
      if (query.wrong > 0) std::fprintf(stderr, "mqtt_load: wrong: %s\n", query.example.c_str());
      if (print) Print("second", seconds(), swarm, query);
      swarm_all.Add(swarm);
      query_all.Add(query);
    };
    swarm_.Hold(hold, [&] { take(true); });
    take(false);
    Print("hold", seconds(), swarm_all, query_all);
  }

  void Print(const char* what, double seconds, const SwarmFigures& f, const QueryFigures& q) {
    std::printf(
        "{\"what\": \"%s\", \"seconds\": %.3f, \"up\": %u, \"takeovers\": %llu, \"returns\": %llu, "
        "\"refused\": %llu, \"lost\": %llu, \"wrong\": %llu",
        what, seconds, swarm_.up(), static_cast<unsigned long long>(f.takeovers),
        static_cast<unsigned long long>(f.returns), static_cast<unsigned long long>(f.refused),
        static_cast<unsigned long long>(f.lost), static_cast<unsigned long long>(q.wrong));
    PrintLatency("connect", f.connect);
    PrintLatency("ping", f.ping);
    PrintLatency("query", q.latency);
    std::printf("}\n");
    std::fflush(stdout);
  }

  const Settings settings_;
  Swarm swarm_;
  uint32_t clients_ = 0;
};

}  // namespace
}  // namespace session_status::bench

int main(int argc, char** argv) {
  using namespace session_status::bench;
  Settings settings;
  if (!ReadSettings(argc, argv, &settings)) {
    std::fprintf(stderr,
                 "usage: mqtt_load --targets=ADDRESS:PORT,… [--keepalive=S] [--socket=PATH] "
                 "[--queries=N]\n");
    return 2;
  }
  Load load(settings);
  for (std::string line; std::getline(std::cin, line);) {
    if (!load.Do(line)) {
      std::fprintf(stderr, "mqtt_load: what is '%s'?\n", line.c_str());
      return 2;
    }
  }
  return 0;
}
