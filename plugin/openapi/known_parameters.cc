#include "plugin/openapi/known_parameters.h"

#include <iterator>

namespace session_status::openapi {
namespace {

// In the order of the enumeration.
constexpr absl::string_view kNames[] = {
    "AccessKeyId",   "Action",           "BearerToken", "ClientId",        "Format",
    "InstanceId",    "SecurityToken",    "Signature",   "SignatureMethod", "SignatureNonce",
    "SignatureType", "SignatureVersion", "Timestamp",   "Version",
};
constexpr size_t kCount = std::size(kNames);
static_assert(kCount == static_cast<size_t>(Known::kCount));

// At most two names have one length: two comparisons, mostly none, tell whether a name is known.
struct SameLength {
  uint8_t candidates[2] = {kCount, kCount};
};
constexpr size_t kLengthMax = 16;

constexpr std::array<SameLength, kLengthMax + 1> MakeByLength() {
  std::array<SameLength, kLengthMax + 1> table{};
  for (size_t i = 0; i < kCount; ++i) {
    SameLength& row = table[kNames[i].size()];
    row.candidates[row.candidates[0] == kCount ? 0 : 1] = static_cast<uint8_t>(i);
  }
  return table;
}
constexpr std::array<SameLength, kLengthMax + 1> kByLength = MakeByLength();

constexpr bool EveryNameIsFound() {
  for (size_t i = 0; i < kCount; ++i) {
    const SameLength& row = kByLength[kNames[i].size()];
    if (row.candidates[0] != i && row.candidates[1] != i) return false;
  }
  return true;
}
static_assert(EveryNameIsFound(), "three names of one length need a longer row");

}  // namespace

absl::string_view NameOf(Known parameter) { return kNames[static_cast<size_t>(parameter)]; }

void KnownParameters::Read(absl::Span<const auth::Parameter> parameters) {
  Clear();
  for (const auth::Parameter& parameter : parameters) {
    if (parameter.name.size() > kLengthMax) continue;
    for (const uint8_t candidate : kByLength[parameter.name.size()].candidates) {
      if (candidate == kCount) break;
      // The first letter mostly tells: "ClientIdList.1" is as long as "SignatureNonce".
      if (kNames[candidate][0] != parameter.name[0]) continue;
      if (kNames[candidate] != parameter.name) continue;
      values_[candidate] = &parameter.value;
      break;
    }
  }
}

}  // namespace session_status::openapi
