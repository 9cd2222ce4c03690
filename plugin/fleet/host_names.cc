#include "plugin/fleet/host_names.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "plugin/os/service_thread.h"

namespace session_status::fleet {
namespace {

using std::chrono::steady_clock;

// How often a wait looks for a stop.
constexpr std::chrono::milliseconds kLook(20);

struct AddressListDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListDeleter>;

int GetAddresses(const std::string& host, int family, int flags, AddressList* out) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int rc = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (rc == 0) out->reset(list);
  return rc;
}

bool IsAddress(const std::string& host) {
  AddressList list;
  return GetAddresses(host, AF_UNSPEC, AI_NUMERICHOST, &list) == 0;  // asks nobody
}

template <typename T>
bool IsReady(const std::future<T>& answer) {
  return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

}  // namespace

absl::StatusOr<std::string> HostNames::AskSystem(const std::string& host) {
  int rc = 0;
  for (const int family : {AF_INET, AF_INET6}) {  // the order in which hiredis asks
    AddressList list;
    rc = GetAddresses(host, family, 0, &list);
    if (rc == EAI_AGAIN) break;
    if (rc != 0) continue;
    char text[NI_MAXHOST];
    rc =
        getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    if (rc == 0) return std::string(text);
  }
  return rc == EAI_AGAIN ? absl::UnavailableError(gai_strerror(rc))
                         : absl::NotFoundError(gai_strerror(rc));
}

absl::StatusOr<std::string> HostNames::Find(const std::string& host, absl::Duration patience) {
  if (IsAddress(host)) return host;
  Name* const name = NameOf(host);
  if (name == nullptr) return absl::UnavailableError("too many names are being asked for");
  const auto take = [name] {
    Answer answer = name->coming.get();
    if (answer.address.ok()) name->last = *answer.address;
    return answer;
  };
  std::optional<Answer> answer;
  if (name->coming.valid() && IsReady(name->coming)) {
    answer = take();  // came when nobody waited any more
    if (absl::FromChrono(steady_clock::now() - answer->at) > kAnswerKept) answer.reset();
  }
  if (!answer.has_value()) {
    if (!name->coming.valid()) {
      if (absl::Status s = Ask(host, name); !s.ok()) return s;
    }
    if (Await(*name, patience)) answer = take();
  }
  if (stopping()) return absl::UnavailableError("stopping");
  absl::StatusOr<std::string> address = absl::UnavailableError("the name server does not answer");
  if (answer.has_value()) address = answer->address;
  if (absl::IsUnavailable(address.status()) && !name->last.empty()) return name->last;
  return address;
}

// nullptr: all are being asked for.
HostNames::Name* HostNames::NameOf(const std::string& host) {
  const auto found = names_.find(host);
  if (found != names_.end()) return &found->second;
  if (names_.size() >= kHostNamesMax) {  // nodes of a cluster come and go
    std::erase_if(names_, [](const auto& entry) {
      const std::future<Answer>& coming = entry.second.coming;
      return !coming.valid() || IsReady(coming);
    });
  }
  return names_.size() >= kHostNamesMax ? nullptr : &names_[host];
}

absl::Status HostNames::Ask(const std::string& host, Name* name) const {
  const auto task = std::make_shared<std::packaged_task<Answer()>>([resolve = resolve_, host] {
    Answer answer{resolve(host), {}};
    answer.at = steady_clock::now();
    return answer;
  });
  std::future<Answer> coming = task->get_future();
  absl::Status status = os::StartUnjoined("status-names", [task] { (*task)(); });
  if (status.ok()) name->coming = std::move(coming);
  return status;
}

bool HostNames::Await(const Name& name, absl::Duration patience) const {
  const steady_clock::time_point end = steady_clock::now() + absl::ToChronoMilliseconds(patience);
  while (!stopping()) {
    const auto next = std::min(end, steady_clock::now() + kLook);
    if (name.coming.wait_until(next) == std::future_status::ready) return true;
    if (next == end) break;
  }
  return false;
}

}  // namespace session_status::fleet
