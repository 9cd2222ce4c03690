// What the registry has room for. Who stores what it will be given back holds to the same.
#ifndef SESSION_STATUS_REGISTRY_VALUE_LIMITS_H_
#define SESSION_STATUS_REGISTRY_VALUE_LIMITS_H_

#include <cstdint>

namespace session_status::registry {

inline constexpr uint64_t kIncarnationMax = (uint64_t{1} << 48) - 1;
// Of a time, in milliseconds since 1970: the year 10889.
inline constexpr int64_t kMillisMax = (int64_t{1} << 48) - 1;

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_VALUE_LIMITS_H_
