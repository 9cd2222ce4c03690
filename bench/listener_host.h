// What the load programs agree on with listener_host.
#ifndef SESSION_STATUS_BENCH_LISTENER_HOST_H_
#define SESSION_STATUS_BENCH_LISTENER_HOST_H_

namespace session_status::bench {

inline constexpr char kBenchInstance[] = "mosquitto";
inline constexpr char kBenchKeyId[] = "bench-key";
inline constexpr char kBenchKeySecret[] = "bench-secret";

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_LISTENER_HOST_H_
