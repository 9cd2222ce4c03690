// registry_soak EVENTS: random events against the model, as many as one has time for.
//
// Every million events start over with another seed, another number of clients and other limits.
// After each event its result and the client's state are compared; now and then details, counts,
// every answer of the snapshot, the whole table and all invariants. Ends with 1 and the seed at the
// first difference.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "registry/session_registry.h"
#include "tests/registry/registry_model.h"

namespace session_status::registry {
namespace {

constexpr uint64_t kEventsPerSeed = 1'000'000;

bool Same(SessionStatus a, SessionStatus b) { return a.state == b.state && a.reason == b.reason; }

bool SameResult(const ApplyResult& a, const ApplyResult& b) {
  return a.outcome == b.outcome && a.sequence == b.sequence && a.before == b.before &&
         a.after == b.after;
}

std::string CompareCounts(const RegistryCounts& a, const RegistryCounts& b) {
  const bool same = a.by_state == b.by_state && a.ends_by_reason == b.ends_by_reason &&
                    a.online_by_protocol == b.online_by_protocol && a.connects == b.connects &&
                    a.takeovers == b.takeovers && a.stale_events == b.stale_events &&
                    a.forgotten == b.forgotten && a.out_of_memory == 0;
  return same ? "" : "counts differ";
}

std::string CompareSnapshot(const SessionRegistry& real, const RegistryModel& model,
                            const std::vector<std::string>& ids) {
  const std::vector<absl::string_view> views(ids.begin(), ids.end());
  std::vector<SessionStatus> answers(ids.size());
  const SnapshotInfo info = real.QuerySnapshot(views, absl::MakeSpan(answers));
  if (info.sequence != model.snapshot().sequence) return "snapshot sequence differs";
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!Same(answers[i], model.FindInSnapshot(ids[i]))) return "a snapshot answer differs";
  }
  return "";
}

std::string CompareTable(const SessionRegistry& real, const RegistryModel& model) {
  real.CheckInvariantsForTest();
  std::string difference;
  size_t seen = 0;
  real.ForEach([&](absl::string_view id, const SessionDetails& details) {
    ++seen;
    const auto found = model.sessions().find(std::string(id));
    difference =
        found == model.sessions().end() ? "a session too many" : Difference(details, found->second);
    return difference.empty();
  });
  if (difference.empty() && seen != model.sessions().size()) return "sessions are missing";
  return difference;
}

// The first difference, or an empty string.
std::string Run(uint64_t seed, uint64_t events) {
  constexpr size_t kClients[] = {3, 23, 200, 2000, 20'000};
  RegistryOptions options;
  options.ended_max = 1 + seed % 50;
  options.ended_ttl = absl::Seconds(1 + seed % 7);
  options.sessions_max = 200'000;
  SessionRegistry real(options);
  RegistryModel model(options);
  RandomEvents random(seed, TrickyIds(kClients[seed % std::size(kClients)]));
  for (uint64_t i = 0; i < events; ++i) {
    RandomEvent next;
    random.Next(model, &next);
    if (!SameResult(real.Apply(next.event), model.Apply(next.event))) return "a result differs";
    if (!Same(real.Find(next.id), model.Find(next.id))) return "a state differs";
    if (i % 4 == 0 && real.Maintain(random.now(), 2) != model.Maintain(random.now(), 2)) {
      return "forgetting differs";
    }
    std::string difference;
    if (i % 50'000 == 0) {
      real.PublishSnapshot(random.now());
      model.PublishSnapshot(random.now());
    }
    if (i % 64 == 0) {
      SessionDetails details;
      const auto found = model.sessions().find(next.id);
      if (real.FindDetails(next.id, &details) != (found != model.sessions().end())) {
        return "a client is there for one of the two only";
      }
      if (found != model.sessions().end()) difference = Difference(details, found->second);
      if (difference.empty()) difference = CompareCounts(real.Counts(), model.counts());
    }
    if (difference.empty() && i % 20'000 == 0) {
      difference = CompareSnapshot(real, model, random.ids());
    }
    if (difference.empty() && i % 200'000 == 0) difference = CompareTable(real, model);
    if (!difference.empty()) return difference;
  }
  return CompareTable(real, model);
}

}  // namespace
}  // namespace session_status::registry

int main(int argc, char** argv) {
  using namespace session_status::registry;
  uint64_t events = 0;
  if (argc != 2 || !absl::SimpleAtoi(argv[1], &events)) {
    std::fprintf(stderr, "usage: registry_soak EVENTS\n");
    return 2;
  }
  uint64_t done = 0;
  for (uint64_t seed = 1; done < events; ++seed) {
    const uint64_t now = std::min(kEventsPerSeed, events - done);
    const std::string difference = Run(seed, now);
    if (!difference.empty()) {
      std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed),
                   difference.c_str());
      return 1;
    }
    done += now;
    if (seed % 10 == 0)
      std::fprintf(stderr, "%llu events\n", static_cast<unsigned long long>(done));
  }
  std::printf("%llu random events, no difference\n", static_cast<unsigned long long>(done));
  return 0;
}
