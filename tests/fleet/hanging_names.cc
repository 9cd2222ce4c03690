// The system's resolver, preloaded into a broker: names that end in ".test" are this host, and
// while the file that the environment names is there, who asks for one waits: the name servers are
// away.
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* node,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** out) {
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  constexpr char kEnd[] = ".test";
  const size_t bytes = node == nullptr ? 0 : std::strlen(node);
  const bool numeric = hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0;
  if (numeric || bytes < sizeof kEnd || std::strcmp(node + bytes - (sizeof kEnd - 1), kEnd) != 0) {
    return real(node, service, hints, out);
  }
  const char* const away = std::getenv("SESSION_STATUS_NAMES_AWAY");
  while (access(away, F_OK) == 0) usleep(10'000);
  return real("127.0.0.1", service, hints, out);
}
