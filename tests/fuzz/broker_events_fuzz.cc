// What a broker can tell a plugin, in any order, against a model that knows the truth: the hooks
// and the session tracker on the fake broker, with contexts freed and their addresses used again.
//
// The input is text: `0` or `1` chooses the broker line (2.0, 2.1), then pairs of an operation and
// a client 0 to 5. Everything else is ignored, so that seeds may have blanks and line ends.
//   c connect, clean         p connect, session kept       d DISCONNECT     x connection lost
//   r login refused          e kept session expires        h reload         t loop round
//   2.1: g kicked by another plugin before we hear of the connect, G the same with a kept session,
//        q takeover whose new connection is refused, a removed by an administrator, n renamed,
//        f takeover that fails after the broker has entered the new connection, F the
//        same without a session
//   2.0: H reload that the client does not pass, connected or not, k kicked by another plugin,
//        likewise, u a client that nobody tells of leaves a session, w connect over TLS WebSockets,
//        s login refused there, l the ends are told of what was refused or taken over there
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/broker/hooks.h"
#include "tests/fuzz/fuzz.h"
#include "tests/registry/registry_model.h"
#include "tests/testing/fake_broker.h"

namespace session_status::broker {
namespace {

using registry::SessionState;
using testing::FakeBroker;

constexpr size_t kClients = 6;
// A round of the real main loop handles at most a few hundred sockets (kUnknownEndsMax).
constexpr int kOperationsPerRoundMax = 100;
constexpr int kOperationsMax = 2000;

// Keeps the status as the registry would.
class ModelSink : public EventSink {
 public:
  void OnSessionEvent(const registry::SessionEvent& event) override {
    model.Apply(event);
    registry.Apply(event);
    FUZZ_CHECK(event.incarnation > 0);
    if (!must_stay_online.empty()) FUZZ_CHECK(model.Find(must_stay_online).online());
    if (is_a_stranger) FUZZ_CHECK(event.reason != registry::EndReason::kAdministrative);
  }
  registry::RegistryModel model{registry::RegistryOptions()};
  registry::SessionRegistry registry{{.sessions_max = 1000, .huge_pages = false}};  // the tracker's
  std::string must_stay_online;  // a takeover of this client is under way
  bool is_a_stranger = false;    // whose login is refused
};

// The truth about one client.
struct Client {
  mosquitto* context = nullptr;  // of the connection or the kept session
  bool online = false;
  bool persistent = false;
  bool told = false;  // the plugin heard of this connection
  bool over_websockets = false;
  // 2.0: refused or taken over, closed over TLS WebSockets: their ends are told any time later.
  std::vector<mosquitto*> closing{};
};

class World {
 public:
  explicit World(FakeBroker::Line line) : broker_(line) {
    if (line == FakeBroker::k21) tracker_.set_registry(sink_.registry);
    // 2.1 tells every instance of everything; 2.0 serves one of them only.
    const int instances = line == FakeBroker::k21 ? 2 : 1;
    for (int i = 0; i < instances; ++i) {
      auto hooks = Hooks::Register(broker_.NewInstance(), feed_, i, {.observe_logins = true});
      FUZZ_CHECK(hooks.ok());
      hooks_.push_back(std::move(*hooks));
    }
    // Nobody connects, leaves and has the broker reloaded in its very first round.
    broker_.LoopRound();
  }

  ~World() {
    for (Client& client : clients_) TellLateEnds(client);
    Round();
    hooks_.clear();
    FUZZ_CHECK(broker_.registered() == 0);
    FUZZ_CHECK(feed_.exceptions.value() == 0);
  }

  // Who is connected before and after is never a moment offline, once it was told.
  void Do(char operation, size_t index) {
    const Client& client = clients_[index];
    const bool was_online = client.online && sink_.model.Find(IdOf(index)).online();
    DoIt(operation, index);
    if (was_online && client.online) FUZZ_CHECK(sink_.model.Find(IdOf(index)).online());
  }

 private:
  void DoIt(char operation, size_t index) {
    Client& client = clients_[index];
    const bool is_21 = broker_.line() == FakeBroker::k21;
    switch (operation) {
      case 'c':
        return Connect(index, false);
      case 'p':
        return Connect(index, true);
      case 'd':
        return End(client, 0);
      case 'x':
        return End(client, 7);
      case 'r':
        return Refuse(index);
      case 'e':
        return Expire(client);
      case 'h':
        return is_21 ? static_cast<void>(broker_.Reload()) : Reload20(nullptr);
      case 't':
        return Round();
      default:
        break;
    }
    if (!is_21) {
      if (operation == 'H') Reload20(&client);
      if (operation == 'k') EndAgain(client);
      if (operation == 'u') LeaveUnseen(index);
      if (operation == 'w') Connect(index, false, /*over_websockets=*/true);
      if (operation == 's') RefuseOverWebSockets(index);
      if (operation == 'l') TellLateEnds(client);
      return;
    }
    if (operation == 'g' || operation == 'G') Ghost(index, operation == 'G');
    if (operation == 'q') RefuseTakeover(index);
    if (operation == 'f' || operation == 'F') FailTakeover(index, operation == 'f');
    if (operation == 'a') Remove(client);
    if (operation == 'n' && client.online) client.context->id = "renamed";
  }

  static std::string IdOf(size_t index) { return absl::StrCat("client-", index); }

  mosquitto* Accept(size_t index, bool persistent) {
    mosquitto* context = broker_.NewClient(IdOf(index));
    context->clean = !persistent;
    context->protocol = reloading_ ? mp_websockets : mp_mqtt;
    return context;
  }

  // 2.0: what has no connection is over no WebSockets.
  void Disconnect(mosquitto* context, int reason) {
    context->protocol = mp_mqtt;
    broker_.Disconnect(context, reason);
  }

  // The broker frees contexts at the top of its loop, after the tick.
  void Discard(mosquitto* context) { disused_.push_back(context); }

  // The former connection or kept session gives way.
  void GiveWay(Client& client) {
    if (client.context == nullptr) return;
    client.context->clean = true;
    if (client.online && client.over_websockets) {
      client.closing.push_back(client.context);
      return Clear(client);
    }
    Disconnect(client.context, 142);
    Discard(client.context);
    Clear(client);
  }

  // Neither a connection nor a session; what is closing goes on.
  static void Clear(Client& client) { client = {.closing = std::move(client.closing)}; }

  void Connect(size_t index, bool persistent, bool over_websockets = false) {
    Client& client = clients_[index];
    if (client.online && sink_.model.Find(IdOf(index)).online())
      sink_.must_stay_online = IdOf(index);
    mosquitto* context = Accept(index, persistent);
    if (over_websockets) context->protocol = mp_websockets;
    if (broker_.line() == FakeBroker::k21) {
      GiveWay(client);
      broker_.SetInTable(IdOf(index), context);
      broker_.Connect(context);
    } else {
      broker_.Login(context);
      GiveWay(client);
    }
    sink_.must_stay_online.clear();
    client = {context, true, persistent, true, over_websockets, std::move(client.closing)};
  }

  void End(Client& client, int reason) {
    if (!client.online) return;
    client.online = false;
    if (client.persistent) {
      if (broker_.line() == FakeBroker::k21) {
        broker_.Offline(client.context, reason);
      } else {
        Disconnect(client.context, reason);
      }
      return;
    }
    Disconnect(client.context, reason);
    Forget(client);
  }

  // 2.0: whoever is not connected ends once more, and its session stays.
  void EndAgain(Client& client) {
    if (client.online) return End(client, 0);
    if (client.context != nullptr) Disconnect(client.context, 0);
  }

  // 2.0: as with TLS identities.
  void LeaveUnseen(size_t index) {
    Client& client = clients_[index];
    if (client.online) return;
    mosquitto* context = Accept(index, true);
    GiveWay(client);
    Disconnect(context, 0);
    client = {context, false, true, false, false, std::move(client.closing)};
  }

  void Forget(Client& client) {
    broker_.SetInTable(IdOf(static_cast<size_t>(&client - clients_.data())), nullptr);
    Discard(client.context);
    Clear(client);
  }

  void RefuseOverWebSockets(size_t index) {
    mosquitto* context = Accept(index, false);
    broker_.SetInTable(IdOf(index), clients_[index].context);
    context->protocol = mp_websockets;
    broker_.Login(context);
    clients_[index].closing.push_back(context);
  }

  void TellLateEnds(Client& client) {
    for (mosquitto* context : client.closing) {
      Disconnect(context, 0);
      Discard(context);
    }
    client.closing.clear();
  }

  void Refuse(size_t index) {
    mosquitto* context = Accept(index, false);
    broker_.SetInTable(IdOf(index), clients_[index].context);
    broker_.Login(context);  // 2.1: nobody of ours listens
    if (broker_.line() == FakeBroker::k20) context->has_id = false;
    sink_.is_a_stranger = true;
    Disconnect(context, 11);
    sink_.is_a_stranger = false;
    Discard(context);
  }

  // Sessions expire at the top of the loop: the address may be used again at once.
  void Expire(Client& client) {
    if (client.context == nullptr || client.online) return;
    broker_.SetInTable(IdOf(static_cast<size_t>(&client - clients_.data())), nullptr);
    Round();
    broker_.Free(client.context);
    Clear(client);
  }

  void Ghost(size_t index, bool persistent) {
    Client& client = clients_[index];
    mosquitto* context = Accept(index, persistent);
    GiveWay(client);
    broker_.SetInTable(IdOf(index), persistent ? context : nullptr);
    if (persistent) {
      broker_.Offline(context, 152);
      client = {.context = context, .persistent = true, .told = true};
    } else {
      broker_.Disconnect(context, 152);
      Discard(context);
    }
    broker_.Connect(context);
  }

  void RefuseTakeover(size_t index) {
    mosquitto* context = Accept(index, false);
    GiveWay(clients_[index]);
    broker_.SetInTable(IdOf(index), nullptr);
    broker_.Disconnect(context, 3);
    Discard(context);
  }

  void FailTakeover(size_t index, bool persistent) {
    Client& client = clients_[index];
    mosquitto* context = Accept(index, persistent);
    GiveWay(client);
    broker_.SetInTable(IdOf(index), context);
    client = {.context = context, .online = true, .persistent = persistent, .told = true};
    End(client, 7);
  }

  void Remove(Client& client) {
    if (client.context == nullptr) return;
    broker_.Disconnect(client.context, 152);
    Forget(client);
  }

  // Everybody logs in again, connected or held; who is not welcome ends at once, once more if it is
  // held.
  void Reload20(Client* unwelcome) {
    if (reloading_) Round();
    reloading_ = true;
    broker_.Reload();
    for (Client& client : clients_) {
      if (client.context == nullptr) continue;
      broker_.Login(client.context);
      if (&client == unwelcome) EndAgain(client);
    }
  }

  // The end of a loop round: now every answer is right; with 2.0, whose refusals over WebSockets
  // may come later, after two more. Who is offline may show as online while something is closing,
  // for nobody can tell it from a connection.
  void Round() {
    const int rounds = broker_.line() == FakeBroker::k20 ? 3 : 1;
    for (int i = 0; i < rounds; ++i) broker_.LoopRound();
    reloading_ = false;
    FUZZ_CHECK(tracker_.settled());
    for (size_t i = 0; i < kClients; ++i) {
      const Client& client = clients_[i];
      const SessionState state = sink_.model.Find(IdOf(i)).state;
      if (client.online || client.closing.empty()) {
        FUZZ_CHECK((state == SessionState::kOnline) == client.online);
      }
      if (broker_.line() == FakeBroker::k21 && client.told && client.context != nullptr &&
          !client.online) {
        FUZZ_CHECK(state == SessionState::kOfflineSessionKept);
      }
    }
    for (mosquitto* context : disused_) broker_.Free(context);
    disused_.clear();
  }

  FakeBroker broker_;
  ModelSink sink_;
  SessionTracker tracker_{sink_, 1};
  SteadyWallClock clock_;
  BrokerLog log_;
  Feed feed_{sink_, tracker_, clock_, log_};
  std::vector<std::unique_ptr<Hooks>> hooks_;
  std::array<Client, kClients> clients_;
  std::vector<mosquitto*> disused_;
  bool reloading_ = false;  // 2.0: for the rest of the round only libwebsockets is served
};

void Play(fuzz::Input input) {
  World world(input.Byte() == '0' ? FakeBroker::k20 : FakeBroker::k21);
  int in_round = 0;
  for (int done = 0; !input.empty() && done < kOperationsMax; ++done) {
    const char operation = static_cast<char>(input.Byte());
    if (operation == ' ' || operation == '\n') continue;
    const size_t client = (input.Byte() - uint8_t{'0'}) % kClients;
    in_round = operation == 't' ? 0 : in_round + 1;
    world.Do(in_round > kOperationsPerRoundMax ? 't' : operation, client);
    if (in_round > kOperationsPerRoundMax) in_round = 0;
  }
}

}  // namespace
}  // namespace session_status::broker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  session_status::broker::Play({data, size});
  return 0;
}
