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

// A state and its reason in six bits. One number that no reason has stands for "expired after a
// loss".
class PackedStatus {
 public:
  constexpr PackedStatus() = default;
  explicit constexpr PackedStatus(SessionStatus s)
      : bits_(static_cast<uint8_t>(
            static_cast<uint8_t>(s.state) |
            ((s.expired_after_loss ? kExpiredAfterLoss : static_cast<uint8_t>(s.reason)) << 2))) {}
  static constexpr PackedStatus FromBits(uint64_t bits) {
    PackedStatus p;
    p.bits_ = static_cast<uint8_t>(bits & 63);
    return p;
  }
  constexpr uint8_t bits() const { return bits_; }
  constexpr SessionStatus Unpack() const {
    if (bits_ >> 2 == kExpiredAfterLoss) {
      return {static_cast<SessionState>(bits_ & 3), EndReason::kSessionExpired, true};
    }
    return {static_cast<SessionState>(bits_ & 3), static_cast<EndReason>(bits_ >> 2)};
  }

 private:
  static constexpr uint8_t kExpiredAfterLoss = 15;
  static_assert(kEndReasonCount <= kExpiredAfterLoss);
  uint8_t bits_ = 0;
};

// The two versions of a session's status that one memory serves two views with:
//   bits 24..63  the epoch of the last change
//   bits 12..23  while online: the session's cohort (cohort_table.h); only the writer looks at it
//   bits  6..11  the status before that epoch's first change (the older cut's answer)
//   bits  0..5   the status now
class StatusWord {
 public:
  explicit constexpr StatusWord(uint64_t bits = 0) : bits_(bits) {}
  static constexpr int kCohortBits = 12;

  // REQUIRES: cohort < 2^kCohortBits.
  static constexpr StatusWord Make(uint64_t epoch, PackedStatus now, PackedStatus before,
                                   uint16_t cohort) {
    return StatusWord((epoch << 24) | (uint64_t{cohort} << 12) | (uint64_t{before.bits()} << 6) |
                      now.bits());
  }
  constexpr uint64_t bits() const { return bits_; }
  constexpr uint64_t epoch() const { return bits_ >> 24; }
  constexpr uint16_t cohort() const { return static_cast<uint16_t>((bits_ >> 12) & 0xfff); }
  constexpr PackedStatus now() const { return PackedStatus::FromBits(bits_); }
  constexpr PackedStatus before() const { return PackedStatus::FromBits(bits_ >> 6); }

  // The status in the cut `cut`. REQUIRES: epoch() <= cut + 1.
  constexpr PackedStatus AsOf(uint64_t cut) const {
    return PackedStatus::FromBits(bits_ >> (epoch() <= cut ? 0 : 6));
  }

  // The word after a change to `status` in `epoch` (never below epoch()).
  constexpr StatusWord Changed(uint64_t epoch_now, PackedStatus status, uint16_t cohort) const {
    return Make(epoch_now, status, epoch() < epoch_now ? now() : before(), cohort);
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

// With this grain 32 bits hold eight years between a broker's death and its next start, or between
// the end of a connection and that of its session.
inline constexpr uint64_t kEndedSpanUnitMs = 64;

// Neighbours of an ended session in its EndedList, by slot. Only the writer looks at them.
struct EndedLink {
  uint32_t previous;
  uint32_t next;
};

inline constexpr int kDetailWords = 6;
using DetailWords = std::array<uint64_t, kDetailWords>;

// The details of a session in the six words that they are kept in. The end of a connection changes
// one of them, a connect makes all of them anew; nobody takes the others apart. Times are
// milliseconds since 1970 (48 bits), 0: not known.
class Details {
 public:
  // What a connection brings, and what it takes over from the session's past.
  struct Fields {
    uint64_t connected_ms = 0;
    uint64_t ended_ms = 0;
    uint64_t created_ms = 0;
    uint32_t address = 0;   // kIpv4: the address itself; else a number in the StringPool
    uint32_t username = 0;  // number in the StringPool, 0: none
    uint32_t connects = 0;
    uint32_t ended_span = 0;  // the end may be so many times kEndedSpanUnitMs earlier
    uint16_t keepalive_s = 0;
    uint16_t broker_code = 0;
    uint16_t listener_port = 0;
    uint16_t group = 0;  // number in the GroupTable, 0: none
    AddressKind address_kind = AddressKind::kNone;
    ProtocolVersion protocol_version = ProtocolVersion::kUnknown;
    Transport transport = Transport::kUnknown;
    bool clean_start = false;
    bool restored = false;  // told by kRestored, no connection since
  };

  constexpr Details() = default;
  explicit constexpr Details(const DetailWords& words) : words_(words) {}
  explicit constexpr Details(const Fields& f)
      : words_{f.connected_ms << 16 | f.keepalive_s,
               f.ended_ms << 16 | f.broker_code,
               f.created_ms << 16 | f.listener_port,
               uint64_t{f.address} << 32 | f.username,
               f.connects,
               uint64_t{f.ended_span} << 32 | uint64_t{f.group} << 16 | uint64_t{f.restored} << 8 |
                   uint64_t{f.clean_start} << 7 | static_cast<uint64_t>(f.address_kind) << 5 |
                   static_cast<uint64_t>(f.transport) << 3 |
                   static_cast<uint64_t>(f.protocol_version)} {}

  constexpr const DetailWords& words() const { return words_; }
  constexpr uint64_t connected_ms() const { return words_[0] >> 16; }
  // The end of the connection.
  constexpr uint64_t ended_ms() const {
    return outlived() == kConnectionsEndUnknown ? 0 : words_[1] >> 16;
  }
  // The end of the session, in steps of kEndedSpanUnitMs after that of the connection.
  constexpr uint64_t session_ended_ms() const {
    const uint64_t steps = outlived() == kConnectionsEndUnknown ? 0 : outlived();
    return (words_[1] >> 16) + steps * kEndedSpanUnitMs;
  }
  constexpr uint64_t created_ms() const { return words_[2] >> 16; }
  constexpr uint16_t keepalive_s() const { return static_cast<uint16_t>(words_[0]); }
  constexpr uint16_t broker_code() const { return static_cast<uint16_t>(words_[1]); }
  constexpr uint16_t listener_port() const { return static_cast<uint16_t>(words_[2]); }
  constexpr uint32_t address() const { return static_cast<uint32_t>(words_[3] >> 32); }
  constexpr uint32_t username() const { return static_cast<uint32_t>(words_[3]); }
  constexpr uint32_t connects() const { return static_cast<uint32_t>(words_[4]); }
  // So many times kEndedSpanUnitMs the session was kept.
  constexpr uint32_t outlived() const { return static_cast<uint32_t>(words_[4] >> 32); }
  constexpr uint32_t ended_span() const { return static_cast<uint32_t>(words_[5] >> 32); }
  constexpr uint16_t group() const { return static_cast<uint16_t>(words_[5] >> 16); }
  constexpr bool restored() const { return ((words_[5] >> 8) & 1) != 0; }
  constexpr bool clean_start() const { return ((words_[5] >> 7) & 1) != 0; }
  constexpr AddressKind address_kind() const {
    return static_cast<AddressKind>((words_[5] >> 5) & 3);
  }
  constexpr Transport transport() const { return static_cast<Transport>((words_[5] >> 3) & 3); }
  constexpr ProtocolVersion protocol_version() const {
    return static_cast<ProtocolVersion>(words_[5] & 7);
  }
  constexpr bool address_is_interned() const { return address_kind() >= AddressKind::kIpv6; }

  // The session ended that was kept. Its connection did when it did.
  constexpr void set_session_gone(uint64_t ms, uint16_t broker_code) {
    const uint64_t ended = ended_ms();
    uint64_t steps = kConnectionsEndUnknown;
    if (ended != 0) {
      steps = ms < ended ? 0 : (ms - ended) / kEndedSpanUnitMs;
      if (steps >= kConnectionsEndUnknown) steps = kConnectionsEndUnknown - 1;
    }
    words_[1] = (ended != 0 ? ended : ms) << 16 | broker_code;
    words_[4] = steps << 32 | connects();
  }
  constexpr void set_group(uint16_t group) {
    words_[5] = (words_[5] & ~uint64_t{0xffff'0000}) | uint64_t{group} << 16;
  }

 private:
  // outlived(): words_[1] has the end of the session instead.
  static constexpr uint32_t kConnectionsEndUnknown = UINT32_MAX;

  DetailWords words_{};
};

struct DetailRecord {
  Word words[kDetailWords];
  EndedLink ended;

  Details Load() const {
    DetailWords w;
    for (int i = 0; i < kDetailWords; ++i) w[i] = words[i].Load();
    return Details(w);
  }
  void Store(const Details& d) {
    for (int i = 0; i < kDetailWords; ++i) words[i].Store(d.words()[i]);
  }
  // The end, exactly then, of a connection. Nothing need be loaded: who is online has no
  // ended_span, and has not been outlived.
  void StoreEndOfConnection(uint64_t ms, uint16_t broker_code) {
    words[1].Store(ms << 16 | broker_code);
  }
};
static_assert(sizeof(DetailRecord) == 56);

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_RECORD_H_
