// What the registry remembers of one client, as it lies in memory.
//
// A session is a *slot*: one hot line (64 bytes: state and identity, all that a status answer
// needs) and, at the same number in a second array, one detail record (56 bytes).
//
//   free      identity is even. The words are leftovers; nobody may believe them.
//   present   identity is odd: the slot holds the client whose words it shows.
//
// The writer turns free -> present (insert, split) and present -> free (split, removal), adding
// one to `identity` each time; a reader that found its words between two equal odd values of
// `identity` found them in one life of the slot. Within a life `content` is even, but odd while an
// event is changing more than the status word; it makes the details of one moment.
//
// Words are atomics of 64 bits because readers and the writer may meet in any of them. Orders:
//   (r1) identity/content load acquire   pairs with (w1) identity/content store release
//   (r2) word load acquire               pairs with (w2) word store release:
//        who sees a word of a later life or content also sees the version that announced it, so
//        that the second version load (after r2, hence not reordered before it) differs.
#ifndef SESSION_STATUS_REGISTRY_SESSION_RECORD_H_
#define SESSION_STATUS_REGISTRY_SESSION_RECORD_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "registry/client_id.h"
#include "registry/session_registry.h"

namespace session_status::registry {

// A word that the writer stores and any thread loads.
class Word {
 public:
  uint64_t Load() const { return word_.load(std::memory_order_acquire); }  // (r2)
  void Store(uint64_t v) { word_.store(v, std::memory_order_release); }    // (w2)
  uint64_t Own() const { return word_.load(std::memory_order_relaxed); }   // writer only

 private:
  std::atomic<uint64_t> word_;
};

class Version {
 public:
  uint32_t Load() const { return version_.load(std::memory_order_acquire); }  // (r1)
  void Advance() {                                                            // (w1)
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  std::atomic<uint32_t> version_;
};

// A state and its reason in six bits.
class PackedStatus {
 public:
  constexpr PackedStatus() = default;
  explicit constexpr PackedStatus(SessionStatus s)
      : bits_(static_cast<uint8_t>(static_cast<uint8_t>(s.state) |
                                   (static_cast<uint8_t>(s.reason) << 2))) {}
  static constexpr PackedStatus FromBits(uint64_t bits) {
    PackedStatus p;
    p.bits_ = static_cast<uint8_t>(bits & 63);
    return p;
  }
  constexpr uint8_t bits() const { return bits_; }
  constexpr SessionStatus Unpack() const {
    return {static_cast<SessionState>(bits_ & 3), static_cast<EndReason>(bits_ >> 2)};
  }

 private:
  uint8_t bits_ = 0;
};

// The two versions of a session's status that one memory serves two views with:
//   bits 24..63  the epoch of the last change
//   bits  6..11  the status before that epoch's first change (the older cut's answer)
//   bits  0..5   the status now
class StatusWord {
 public:
  explicit constexpr StatusWord(uint64_t bits = 0) : bits_(bits) {}
  static constexpr StatusWord Make(uint64_t epoch, PackedStatus now, PackedStatus before) {
    return StatusWord((epoch << 24) | (uint64_t{before.bits()} << 6) | now.bits());
  }
  constexpr uint64_t bits() const { return bits_; }
  constexpr uint64_t epoch() const { return bits_ >> 24; }
  constexpr PackedStatus now() const { return PackedStatus::FromBits(bits_); }
  constexpr PackedStatus before() const { return PackedStatus::FromBits(bits_ >> 6); }

  // The word after a change to `status` in `epoch` (never below epoch()).
  constexpr StatusWord Changed(uint64_t epoch_now, PackedStatus status) const {
    return Make(epoch_now, status, epoch() < epoch_now ? now() : before());
  }

 private:
  uint64_t bits_;
};

struct alignas(64) HotRecord {
  Word status;
  Version identity;
  Version content;
  Word incarnation_and_length;  // incarnation << 16 | length of the identifier
  // length <= kInlineIdBytes: the bytes, zero padded.
  // longer: id[0] is the number of the first line in the LineStore, the others as PreparedId.
  Word id[kIdWords];
};
static_assert(sizeof(HotRecord) == 64);

enum class AddressKind : uint8_t { kNone = 0, kIpv4 = 1, kIpv6 = 2, kText = 3 };

// The details of a session, unpacked. Times are milliseconds since 1970, 0: not known.
struct DetailFields {
  uint64_t connected_ms = 0;
  uint64_t ended_ms = 0;
  uint64_t created_ms = 0;
  uint16_t keepalive_s = 0;
  uint16_t broker_code = 0;
  uint16_t listener_port = 0;
  uint16_t group = 0;     // number in the GroupTable, 0: none
  uint32_t address = 0;   // kIpv4: the address itself; else a number in the StringPool
  uint32_t username = 0;  // number in the StringPool, 0: none
  uint32_t connects = 0;
  uint32_t ended_span = 0;  // the end may be so many times kEndedSpanUnitMs earlier
  AddressKind address_kind = AddressKind::kNone;
  ProtocolVersion protocol_version = ProtocolVersion::kUnknown;
  Transport transport = Transport::kUnknown;
  bool clean_start = false;
  bool restored = false;  // told by kRestored, no connection since
};

// With this grain 32 bits hold eight years between a broker's death and its next start.
inline constexpr uint64_t kEndedSpanUnitMs = 64;

// Neighbours of an ended session in its EndedList, by slot. Only the writer looks at them.
struct EndedLink {
  uint32_t previous;
  uint32_t next;
};

inline constexpr int kDetailWords = 6;
using DetailWords = std::array<uint64_t, kDetailWords>;

constexpr DetailWords Pack(const DetailFields& f) {
  return {f.connected_ms << 16 | f.keepalive_s,
          f.ended_ms << 16 | f.broker_code,
          f.created_ms << 16 | f.listener_port,
          uint64_t{f.address} << 32 | f.username,
          f.connects,
          uint64_t{f.ended_span} << 32 | uint64_t{f.group} << 16 | uint64_t{f.restored} << 8 |
              uint64_t{f.clean_start} << 7 | static_cast<uint64_t>(f.address_kind) << 5 |
              static_cast<uint64_t>(f.transport) << 3 | static_cast<uint64_t>(f.protocol_version)};
}

constexpr DetailFields Unpack(const DetailWords& w) {
  DetailFields f;
  f.connected_ms = w[0] >> 16;
  f.keepalive_s = static_cast<uint16_t>(w[0]);
  f.ended_ms = w[1] >> 16;
  f.broker_code = static_cast<uint16_t>(w[1]);
  f.created_ms = w[2] >> 16;
  f.listener_port = static_cast<uint16_t>(w[2]);
  f.address = static_cast<uint32_t>(w[3] >> 32);
  f.username = static_cast<uint32_t>(w[3]);
  f.connects = static_cast<uint32_t>(w[4]);
  f.group = static_cast<uint16_t>(w[5] >> 16);
  f.ended_span = static_cast<uint32_t>(w[5] >> 32);
  f.restored = ((w[5] >> 8) & 1) != 0;
  f.clean_start = ((w[5] >> 7) & 1) != 0;
  f.address_kind = static_cast<AddressKind>((w[5] >> 5) & 3);
  f.transport = static_cast<Transport>((w[5] >> 3) & 3);
  f.protocol_version = static_cast<ProtocolVersion>(w[5] & 7);
  return f;
}

struct DetailRecord {
  Word words[kDetailWords];
  EndedLink ended;

  DetailWords Load() const {
    DetailWords w;
    for (int i = 0; i < kDetailWords; ++i) w[i] = words[i].Load();
    return w;
  }
  void Store(const DetailWords& w) {
    for (int i = 0; i < kDetailWords; ++i) words[i].Store(w[i]);
  }
};
static_assert(sizeof(DetailRecord) == 56);

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_RECORD_H_
