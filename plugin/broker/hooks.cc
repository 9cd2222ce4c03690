#include "plugin/broker/hooks.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "plugin/broker/control_message.h"

namespace session_status::broker {
namespace {

// -- the C boundary -------------------------------------------------------------------------------

// One callback: `Data` is the broker's struct, `Fn` what we do, `kAnswer` what the broker is told:
// success, which changes nothing, or on a login "defer".
template <typename Data, void (*Fn)(Data&, Hooks&), int kAnswer = kBrokerSuccess>
int Guarded(int /*event*/, void* data, void* hooks_ptr) noexcept {
  Hooks& hooks = *static_cast<Hooks*>(hooks_ptr);
  try {
    Fn(*static_cast<Data*>(data), hooks);
  } catch (...) {
    hooks.feed().exceptions.Add();
  }
  return kAnswer;
}

void OnConnect(ConnectEventData& event, Hooks& hooks) {
  Feed& feed = hooks.feed();
  feed.tracker.OnConnect(hooks.instance(), event.client, feed.clock.Now());
}

void OnDisconnect21(mosquitto_evt_disconnect& event, Hooks& hooks) {
  Feed& feed = hooks.feed();
  feed.tracker.OnEnd(event.client, event.reason, /*session_kept=*/false, feed.clock.Now());
}

void OnOffline(OfflineEventData& event, Hooks& hooks) {
  Feed& feed = hooks.feed();
  feed.tracker.OnEnd(event.client, event.reason, /*session_kept=*/true, feed.clock.Now());
}

// A round of the main loop takes 100 ms and the time of its work.
constexpr absl::Duration kRoundAtMost = absl::Seconds(2);

void WarnOfMissingRounds(Feed& feed, absl::Time now) {
  if (feed.told_of_missing_rounds || feed.tracker.has_rounds()) return;
  feed.first_login = std::min(feed.first_login, now);
  if (now - feed.first_login < kRoundAtMost) return;
  feed.told_of_missing_rounds = true;
  feed.log.Write(
      LogLevel::kWarning,
      "this broker tells plugins nothing of its loop, as Mosquitto before 2.0.15 does not "
      "under per_listener_settings true: clients are seen late, or not at all; set "
      "per_listener_settings false");
}

void OnLogin(mosquitto_evt_basic_auth& event, Hooks& hooks) {
  Feed& feed = hooks.feed();
  const absl::Time now = feed.clock.Now();
  feed.tracker.OnLogin(hooks.instance(), event.client, now);
  WarnOfMissingRounds(feed, now);
}

void OnDisconnect20(mosquitto_evt_disconnect& event, Hooks& hooks) {
  Feed& feed = hooks.feed();
  const absl::Time now = feed.clock.Now();
  feed.tracker.OnEndWithoutReason(event.client, now);
  WarnOfMissingRounds(feed, now);
}

void OnReload(mosquitto_evt_reload& /*event*/, Hooks& hooks) {
  Feed& feed = hooks.feed();
  feed.tracker.OnReload();
  feed.sink.OnReload(feed.clock.Now());
}

void OnControl(mosquitto_evt_control& event, Hooks& hooks) {
  const ControlMessage message(event);
  if (message.complete()) hooks.feed().sink.OnControlRequest(message.request());
}

// Every round of the main loop, on which the tracker's guards rely; a round without work costs a
// few loads. Asks for the next round each time: a 2.1 broker that is asked for none waits until its
// wall clock has passed the present time once more, which is hours after the clock was set back
// (SetNextTick).
void OnLoopRound(mosquitto_evt_tick& event, Hooks& hooks) {
  SetNextTick(event, 0);
  Feed& feed = hooks.feed();
  if (feed.teller_of_rounds == nullptr) feed.teller_of_rounds = &hooks;
  if (feed.teller_of_rounds != &hooks) return;
  feed.tracker.OnLoopRound([&feed] { return feed.clock.Now(); });
}

void OnTick(mosquitto_evt_tick& event, Hooks& hooks) {
  SetNextTick(event, static_cast<long>(absl::ToInt64Milliseconds(kHousekeepingInterval)));
  Feed& feed = hooks.feed();
  feed.log.Flush();
  const absl::Time now = feed.clock.Now();
  if (now < feed.next_housekeeping) return;
  feed.next_housekeeping = now + kHousekeepingInterval;
  feed.sink.OnHousekeeping(now);
}

// -- the table ------------------------------------------------------------------------------------

enum Lines : unsigned char { k20 = 1, k21 = 2, kBoth = 3 };

struct Row {
  const char* name;
  int event;
  MOSQ_FUNC_generic_callback callback;
  Lines lines;
  const char* topic = nullptr;  // CONTROL only
};

// The connect event is first: whether the broker knows it decides which other rows are taken.
constexpr Row kRows[] = {
    {"CONNECT", kEventConnect, Guarded<ConnectEventData, OnConnect>, k21},
    {"DISCONNECT", kEventDisconnect, Guarded<mosquitto_evt_disconnect, OnDisconnect21>, k21},
    {"CLIENT_OFFLINE", kEventClientOffline, Guarded<OfflineEventData, OnOffline>, k21},
    {"BASIC_AUTH", kEventBasicAuth, Guarded<mosquitto_evt_basic_auth, OnLogin, kBrokerPluginDefer>,
     k20},
    {"DISCONNECT", kEventDisconnect, Guarded<mosquitto_evt_disconnect, OnDisconnect20>, k20},
    // 2.0 tells the plugins behind ours only of what ours defers; 2.1 ends on anything but success.
    {"RELOAD", kEventReload, Guarded<mosquitto_evt_reload, OnReload, kBrokerPluginDefer>, k20},
    {"RELOAD", kEventReload, Guarded<mosquitto_evt_reload, OnReload>, k21},
    {"TICK (loop round)", kEventTick, Guarded<mosquitto_evt_tick, OnLoopRound>, kBoth},
    {"TICK (housekeeping)", kEventTick, Guarded<mosquitto_evt_tick, OnTick>, kBoth},
    {"CONTROL", kEventControl, Guarded<mosquitto_evt_control, OnControl>, kBoth, kControlTopic},
};
static_assert(std::size(kRows) <= 32, "a bit per row");

constexpr char kRefused20[] =
    "this broker is Mosquitto 2.0, which does not tell plugins about connects. Upgrade to "
    "Mosquitto 2.1 for exact answers, or accept the compatibility mode with "
    "'plugin_opt_observe_logins true': it observes logins, and then (1) with 'allow_anonymous "
    "true' and neither password_file nor another auth plugin, clients that send a user name are "
    "refused; (2) clients that log in by TLS certificate, PSK or extended authentication, or that "
    "an earlier plugin accepts, are not seen. Put our plugin line first. See "
    "docs/broker-support.md";

}  // namespace

absl::StatusOr<std::unique_ptr<Hooks>> Hooks::Register(mosquitto_plugin_id_t* identifier,
                                                       Feed& feed, int instance,
                                                       const HookOptions& options) {
  if (instance < 0 || instance >= kInstancesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the plugin is loaded more than ", kInstancesMax, " times"));
  }
  std::unique_ptr<Hooks> hooks(new Hooks(identifier, feed, instance));
  const absl::Status status = hooks->RegisterAll(options);
  if (!status.ok()) return status;  // ~Hooks takes back what was taken until then
  return hooks;
}

Hooks::Hooks(mosquitto_plugin_id_t* identifier, Feed& feed, int instance)
    : identifier_(identifier), feed_(feed), instance_(instance) {}

absl::Status Hooks::RegisterAll(const HookOptions& options) {
  Lines wanted = k21;
  for (size_t i = 0; i < std::size(kRows); ++i) {
    const Row& row = kRows[i];
    if ((row.lines & wanted) == 0) continue;
    if (row.event == kEventControl && !options.control) continue;
    const int rc =
        mosquitto_callback_register(identifier_, row.event, row.callback, row.topic, this);
    if (rc == kBrokerSuccess) {
      taken_ |= uint32_t{1} << i;
    } else if (row.event == kEventConnect && rc == kBrokerNotSupported) {
      if (!options.observe_logins) return absl::FailedPreconditionError(kRefused20);
      wanted = k20;
    } else if (rc == kBrokerAlreadyExists && (wanted == k20 || row.event == kEventControl)) {
      // Another instance serves these listeners: 2.0 compares functions only, and a topic belongs
      // to one instance on both lines.
      continue;
    } else {
      return absl::InternalError(
          absl::StrCat("the broker refuses the event ", row.name, " with code ", rc));
    }
  }
  line_ = wanted == k21 ? BrokerLine::kV21 : BrokerLine::kV20;
  return absl::OkStatus();
}

Hooks::~Hooks() {
  if (feed_.teller_of_rounds == this) feed_.teller_of_rounds = nullptr;
  for (size_t i = std::size(kRows); i-- > 0;) {
    if ((taken_ & (uint32_t{1} << i)) == 0) continue;
    mosquitto_callback_unregister(identifier_, kRows[i].event, kRows[i].callback, kRows[i].topic);
  }
}

}  // namespace session_status::broker
