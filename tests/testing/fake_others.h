// The other nodes of a fleet, as a test says they are.
//
// Threads: one.
#ifndef SESSION_STATUS_TESTS_TESTING_FAKE_OTHERS_H_
#define SESSION_STATUS_TESTS_TESTING_FAKE_OTHERS_H_

#include <functional>
#include <map>
#include <string>

#include "registry/others_view.h"

namespace session_status::testing {

class FakeOthers : public registry::OthersView {
 public:
  struct Client {
    registry::SessionStatus status;
    std::string node;  // while online
    absl::Time at;     // of the connect, or of the end
  };
  std::map<std::string, Client, std::less<>> clients;
  registry::AnswerSource source = registry::AnswerSource::kReplica;
  absl::Time as_of = absl::InfinitePast();
  absl::Status error;
  registry::FleetStatus status;
  std::function<void()> while_asked = [] {};

  void PublishSnapshot(absl::Time) override {}

  registry::OthersCut QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                                    absl::Span<registry::OtherStatus> out) const override {
    for (size_t i = 0; i < client_ids.size(); ++i) {
      const auto it = clients.find(std::string(client_ids[i]));
      if (it == clients.end()) continue;
      out[i].status = it->second.status;
      out[i].node = it->second.node;
      if (!out[i].status.online()) out[i].ended_at = it->second.at;
    }
    registry::OthersCut cut;
    cut.source = source;
    cut.as_of = as_of;
    return cut;
  }

  absl::Status Find(absl::string_view client_id, absl::Time,
                    registry::OtherSession* session) const override {
    while_asked();
    session->source = source;
    session->as_of = as_of;
    const auto it = clients.find(std::string(client_id));
    if (it == clients.end()) return error;
    session->status = it->second.status;
    session->node = it->second.node;
    (it->second.status.online() ? session->connected_at : session->disconnected_at) = it->second.at;
    return error;
  }

  registry::FleetStatus Status() const override { return status; }
  absl::Time AsOf() const override { return as_of; }
  const std::string& node() const override { return node_; }

 private:
  const std::string node_ = "here";
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_FAKE_OTHERS_H_
