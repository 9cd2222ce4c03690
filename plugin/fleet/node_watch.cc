#include "plugin/fleet/node_watch.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/fleet/board.h"
#include "plugin/fleet/engines.h"

namespace session_status::fleet {
namespace {

// A node that is gone this long, for all that we have seen, is not coming back under its number.
constexpr absl::Duration kBurialAfter = absl::Hours(1);

}  // namespace

void NodeWatch::AddListing() {
  round_.AddHome({"HGETALL", round_.keys.Nodes()}, [this](const Reply& reply) { OnNodes(reply); });
}

void NodeWatch::AddListingAndMeta() {
  round_.refusals.Ask(Question::kNodes);
  AddListing();
  round_.AddHome({"HMGET", round_.keys.Meta(), "key", "instance"}, [this](const Reply& reply) {
    if (round_.refusals.IsRefused(Question::kNodes, reply)) return;
    if (reply[0].text() != as_.hash_key || IsAnotherInstance(reply[1], round_.options)) {
      round_.rejoin = true;
    }
  });
}

void NodeWatch::OnNodes(const Reply& reply) {
  if (round_.refusals.IsRefused(Question::kNodes, reply)) return;
  directory_.MarkUnlisted();
  for (size_t i = 0; i + 1 < reply.size(); i += 2) {
    const int64_t number = reply[i].integer();
    if (number < 1 || number > UINT16_MAX) continue;
    if (directory_.Find(static_cast<NodeNumber>(number)) == nullptr) {
      round_.next_publish = round_.now;
      round_.next_look = round_.now;  // at its lease: does it live?
    }
    directory_.OnListed(static_cast<NodeNumber>(number), reply[i + 1].text(), round_.now);
  }
  const NodeDirectory::Node* me = directory_.Find(as_.number);
  if (me == nullptr || !me->listed || me->name != round_.options.node_id) round_.rejoin = true;
  for (NodeNumber number : directory_.Gone(round_.now)) {
    table_.Forget(number, Board::DateOfEnd(round_.now));
    reader_.TellAllFollowed();
    burials_.Schedule(number);
    directory_.Remove(number);
  }
}

void NodeWatch::AddLeases() {
  round_.refusals.Ask(Question::kLeases);
  std::vector<NodeNumber> asked;
  std::vector<std::string> keys;
  for (const auto& [number, node] : directory_.nodes()) {
    if (number == as_.number) continue;
    asked.push_back(number);
    keys.push_back(round_.keys.Lease(number));
  }
  if (asked.empty()) return;
  std::vector<absl::string_view> command = {"MGET"};
  command.insert(command.end(), keys.begin(), keys.end());
  round_.engines.Add(kHome, command, [this, asked](const Reply& reply) { OnLeases(asked, reply); });
}

void NodeWatch::OnLeases(const std::vector<NodeNumber>& asked, const Reply& reply) {
  // A cluster without these keys' primary answers, but with nobody's lease.
  if (round_.refusals.IsRefused(Question::kLeases, reply)) return directory_.OnContact(round_.now);
  for (size_t i = 0; i < reply.size() && i < asked.size(); ++i) {
    if (directory_.OnLease(asked[i], !reply[i].is_nil(), round_.now)) {
      table_.SetLost(asked[i], directory_.Find(asked[i])->lost, Board::DateOfEnd(round_.now));
    }
    const NodeDirectory::Node* node = directory_.Find(asked[i]);
    if (node != nullptr && node->lost && node->listed &&
        round_.now - node->last_alive > kBurialAfter) {
      burials_.Schedule(asked[i]);
    }
  }
}

void NodeWatch::OnRenewal(const Reply& reply) {
  round_.rejoin = round_.rejoin || reply.text() == "TAKEN";
  // It takes no writes: nobody renews, so that a lease which has gone says nothing.
  if (!reply.is_error()) return;
  directory_.OnContact(round_.now);
  round_.OnWriteAnswer(Question::kRenewal, reply);
  round_.next_renewal = std::min(round_.next_renewal, round_.now + kRefusalsApart);
}

}  // namespace session_status::fleet
