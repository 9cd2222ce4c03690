// The clients of the benchmark: 22-byte identifiers, and what a table keeps of each.
#ifndef SESSION_STATUS_BENCH_REGISTRY_CLIENTS_H_
#define SESSION_STATUS_BENCH_REGISTRY_CLIENTS_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "registry/session_event.h"

namespace session_status::bench {

inline constexpr size_t kIdBytes = 22;
using IdText = std::array<char, 24>;

// The identifier of client `n`. Written on the fly, so that reading the identifiers costs no cache
// misses that a server would not have either.
void WriteId(uint64_t n, IdText* text);
inline absl::string_view View(const IdText& text) { return {text.data(), kIdBytes}; }

// What every client connects with.
inline registry::Connection Connection() {
  registry::Connection c;
  c.address = "192.0.2.17";
  c.username = "a shared user";
  c.listener_port = 1883;
  c.keepalive_s = 60;
  c.protocol_version = registry::ProtocolVersion::kMqtt5;
  return c;
}

// A cheap reproducible stream of client numbers.
class Picks {
 public:
  explicit Picks(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  // REQUIRES: below < 2^32.
  uint64_t Next(uint64_t below) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return ((state_ >> 32) * below) >> 32;
  }

 private:
  uint64_t state_;
};

// What a rival stores: the same facts as the registry's hot part and times.
struct Key {
  std::array<uint64_t, 4> words{};  // length in the last byte
  Key() = default;
  explicit Key(absl::string_view id) {
    std::memcpy(words.data(), id.data(), id.size());
    words[3] |= uint64_t{id.size()} << 56;
  }
  bool operator==(const Key& o) const {
    return ((words[0] ^ o.words[0]) | (words[1] ^ o.words[1]) | (words[2] ^ o.words[2]) |
            (words[3] ^ o.words[3])) == 0;
  }
};

struct Value {
  uint64_t state_and_incarnation = 0;  // bit 0: online
  uint64_t connected_ms = 0;
  uint64_t ended_ms = 0;
  bool online() const { return (state_and_incarnation & 1) != 0; }
};

// The keyed hash that the registry uses, for every rival too.
uint64_t HashOf(const Key& key);
struct KeyHash {
  size_t operator()(const Key& key) const { return HashOf(key); }
};

// One table under test. `Find`, `Batch`: reader thread; `Connect`, `End`: writer thread.
class Table {
 public:
  virtual ~Table() = default;
  virtual const char* name() const = 0;
  // A preempted reader cannot make the writer wait.
  virtual bool writer_never_waits() const { return false; }
  virtual bool is_ours() const { return false; }
  // Details, exact counts and the order of ends too, as the registry keeps them.
  virtual bool keeps_all() const { return false; }
  virtual void EnterThread() {}  // called by each thread before its first operation
  virtual void LeaveThread() {}

  virtual void Connect(absl::string_view id, uint64_t incarnation, uint64_t now_ms) = 0;
  virtual void End(absl::string_view id, uint64_t incarnation, uint64_t now_ms) = 0;
  virtual bool Find(absl::string_view id) = 0;
  virtual size_t Batch(absl::Span<const absl::string_view> ids, bool* online) = 0;
  virtual void Refresh() {}  // a new snapshot, where the table has snapshots
  // Where it wants memory ready before the writer comes to it: says when to call again.
  virtual absl::Duration PopulateAhead(absl::Duration) { return absl::InfiniteDuration(); }
};

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_REGISTRY_CLIENTS_H_
