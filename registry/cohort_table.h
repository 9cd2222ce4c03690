// What an online session is counted under, in a number of twelve bits.
//
// Sessions of one protocol, listener and group are a cohort. A session's status word names its
// cohort, so that an end finds the figures to change without waiting for the details, which lie
// elsewhere: it only writes there.
//
// The table never forgets a cohort, for sessions name it; one that finds no place gets number 0,
// "look at the details". Brokers have some dozens.
//
// Threads: writer only, wait-free.
#ifndef SESSION_STATUS_REGISTRY_COHORT_TABLE_H_
#define SESSION_STATUS_REGISTRY_COHORT_TABLE_H_

#include <array>
#include <cstdint>

#include "registry/session_record.h"

namespace session_status::registry {

struct Cohort {
  ProtocolVersion protocol_version = ProtocolVersion::kUnknown;
  uint16_t listener_port = 0;
  uint16_t group = 0;  // number in the GroupTable

  Cohort() = default;
  explicit Cohort(const Details& d)
      : protocol_version(d.protocol_version()),
        listener_port(d.listener_port()),
        group(d.group()) {}
  bool operator==(const Cohort&) const = default;
};

class CohortTable {
 public:
  uint16_t NumberOf(const Cohort& cohort) {
    const uint64_t row = Pack(cohort);
    const uint64_t hash = row * 0x9E37'79B9'7F4A'7C15;
    for (uint64_t probe = 0; probe < kProbes; ++probe) {
      const uint64_t n = ((hash >> (64 - StatusWord::kCohortBits)) + probe) % kRows;
      if (n == 0) continue;
      if (rows_[n] == 0) rows_[n] = row;
      if (rows_[n] == row) return static_cast<uint16_t>(n);
    }
    return 0;
  }

  // REQUIRES: `number` came from NumberOf() and is not 0.
  Cohort At(uint16_t number) const {
    const uint64_t row = rows_[number];
    Cohort c;
    c.protocol_version = static_cast<ProtocolVersion>((row >> 32) & 0xff);
    c.listener_port = static_cast<uint16_t>(row >> 16);
    c.group = static_cast<uint16_t>(row);
    return c;
  }

 private:
  static constexpr uint64_t kRows = uint64_t{1} << StatusWord::kCohortBits;
  static constexpr uint64_t kProbes = 8;
  static constexpr uint64_t kInUse = uint64_t{1} << 40;

  static uint64_t Pack(const Cohort& c) {
    return kInUse | static_cast<uint64_t>(c.protocol_version) << 32 |
           uint64_t{c.listener_port} << 16 | c.group;
  }

  std::array<uint64_t, kRows> rows_{};
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_COHORT_TABLE_H_
