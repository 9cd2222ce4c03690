// What epoll's user data points to.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_EVENT_SOURCE_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_EVENT_SOURCE_H_

#include <cstdint>

namespace session_status::transport {

class EventSource {
 public:
  virtual ~EventSource() = default;
  virtual void OnEvents(uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, …
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_EVENT_SOURCE_H_
