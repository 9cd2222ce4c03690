#include "plugin/fleet/node_directory.h"

#include <cstdint>
#include <utility>

namespace session_status::fleet {

NodeNumber PreferredNumber(absl::string_view name) {
  // FNV-1a, folded: every node must find the same, whatever it was built with.
  uint32_t h = 2166136261u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  return NextNumber(static_cast<NodeNumber>(h ^ h >> 16));
}

NodeNumber NextNumber(NodeNumber number) {
  return number == UINT16_MAX ? NodeNumber{1} : static_cast<NodeNumber>(number + 1);
}

void NodeDirectory::MarkUnlisted() {
  for (auto& [number, node] : nodes_) node.listed = false;
}

NodeDirectory::Node& NodeDirectory::Meet(NodeNumber number, absl::Duration now) {
  const auto [it, is_new] = nodes_.try_emplace(number);
  if (is_new) it->second.last_alive = now;
  return it->second;
}

void NodeDirectory::OnListed(NodeNumber number, absl::string_view name, absl::Duration now) {
  Node& node = Meet(number, now);
  node.name = std::string(name);
  node.listed = true;
  node.last_listed = now;
}

void NodeDirectory::OnFound(NodeNumber number, absl::Duration now) {
  Node& node = Meet(number, now);
  node.listed = false;
  node.last_listed = now;
}

std::vector<NodeNumber> NodeDirectory::Gone(absl::Duration now) const {
  std::vector<NodeNumber> gone;
  for (const auto& [number, node] : nodes_) {
    if (node.lost && !node.listed && now - node.last_listed > kGoneAfter) gone.push_back(number);
  }
  return gone;
}

bool NodeDirectory::OnLease(NodeNumber number, bool held, absl::Duration now) {
  const auto it = nodes_.find(number);
  if (it == nodes_.end()) return false;
  Node& node = it->second;
  const bool was_held = std::exchange(node.alive, held);
  const bool was_lost = node.lost;
  if (held) {
    node.seen_alive = true;
    node.last_alive = now;
    node.lost = false;
  } else {
    if (was_held) node.missed_since = now;
    const bool missed =
        now - contact_since_ >= lease_ && now - node.missed_since >= LeaseMissed(lease_);
    node.lost = node.lost || missed || !node.seen_alive;
  }
  return node.lost != was_lost;
}

const NodeDirectory::Node* NodeDirectory::Find(NodeNumber number) const {
  const auto it = nodes_.find(number);
  return it == nodes_.end() ? nullptr : &it->second;
}

}  // namespace session_status::fleet
