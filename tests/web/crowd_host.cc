// The whole plugin with a crowd of clients, in a broker that is not there: what the page shows of
// numbers that no test machine can connect.
//
//   crowd_host CLIENTS TCP_ADDRESS UNIX_PATH
//
// Three listings at a time, so that a page that leaves them open is noticed. Prints "ready". Then
// takes lines from its standard input, until that ends: "connect ID", "end ID".
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "plugin/options.h"
#include "plugin/session_plugin.h"
#include "tests/testing/fake_broker.h"

namespace session_status::testing {
namespace {

constexpr int kTickMs = 100;      // as often as a broker's loop comes round at least
constexpr int kNetworkError = 7;  // MOSQ_ERR_CONN_LOST

class Crowd {
 public:
  explicit Crowd(FakeBroker& broker) : broker_(broker) {}

  void Connect(const std::string& id, int number) {
    mosquitto* client = broker_.NewClient(id);
    client->address =
        absl::StrFormat("10.%d.%d.%d", number >> 16 & 255, number >> 8 & 255, number & 255);
    client->version = 3 + number % 3;
    client->port = number % 10 == 0 ? 8883 : 1883;
    broker_.Connect(client);
    clients_[id] = client;
  }
  void End(const std::string& id) {
    auto node = clients_.extract(id);
    if (node.empty()) return;
    broker_.Disconnect(node.mapped(), kNetworkError);
    broker_.Free(node.mapped());
  }
  void Fill(int clients) {
    for (int i = 0; i < clients; ++i) {
      const std::string id = absl::StrFormat("GID_%02d@@@device-%07d", i % 20, i);
      Connect(id, i);
      if (i % 4 == 3) End(id);
    }
  }
  void Obey(absl::string_view line) {
    const size_t space = line.find(' ');
    if (space == absl::string_view::npos) return;
    const std::string id(line.substr(space + 1));
    if (absl::StartsWith(line, "connect ")) Connect(id, 0);
    if (absl::StartsWith(line, "end ")) End(id);
  }

 private:
  FakeBroker& broker_;
  std::map<std::string, mosquitto*> clients_;
};

void ObeyUntilInputEnds(FakeBroker* broker, Crowd* crowd) {
  std::string pending;
  for (;;) {
    broker->LoopRound();
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, kTickMs) <= 0) continue;
    char bytes[4096];
    const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (n <= 0) return;
    pending.append(bytes, static_cast<size_t>(n));
    for (size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      crowd->Obey(absl::string_view(pending).substr(0, end));
    }
  }
}

int Main(int argc, char** argv) {
  int clients = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[1], &clients)) return 2;
  const std::pair<absl::string_view, absl::string_view> given[] = {
      {"admin_listen", argv[2]}, {"admin_socket", argv[3]}, {"listings_max", "3"}};
  const auto options = ParseOptions(given);
  FakeBroker broker(FakeBroker::k21);
  absl::Status status = options.status();
  if (status.ok()) {
    SessionPlugin plugin(*options);
    const auto hooks = plugin.Attach(broker.NewInstance(), 0);
    status = hooks.status();
    if (status.ok()) {
      Crowd crowd(broker);
      crowd.Fill(clients);
      std::puts("ready");
      std::fflush(stdout);
      ObeyUntilInputEnds(&broker, &crowd);
    }
  }
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace session_status::testing

int main(int argc, char** argv) { return session_status::testing::Main(argc, argv); }
