#include "plugin/fleet/shard_look.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace session_status::fleet {
namespace {

std::pair<uint64_t, uint64_t> ParseId(absl::string_view id) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(id, absl::MaxSplits('-', 1));
  std::pair<uint64_t, uint64_t> out{0, 0};
  if (!absl::SimpleAtoi(parts.first, &out.first)) out.first = 0;
  if (!absl::SimpleAtoi(parts.second, &out.second)) out.second = 0;
  return out;
}

}  // namespace

bool IsEarlierId(absl::string_view a, absl::string_view b) { return ParseId(a) < ParseId(b); }

ShardLook ParseLook(const Reply& reply) {
  ShardLook look;
  look.last_id = std::string(reply[0].text());
  const Reply fields = reply[1];
  for (size_t i = 0; i + 1 < fields.size(); i += 2) {
    const absl::string_view name = fields[i].text();
    if (name == "birth") {
      look.birth = std::string(fields[i + 1].text());
    } else if (name.size() == 3 && name[0] == 's') {
      look.owners[DecodeNode(name.substr(1))].number =
          static_cast<uint32_t>(fields[i + 1].integer());
    } else if (name.size() == 3 && name[0] == 'g') {
      look.owners[DecodeNode(name.substr(1))].generations = DecodeGenerations(fields[i + 1].text());
    }
  }
  return look;
}

std::string EvictionPolicy(absl::string_view info) {
  std::string policy;
  bool bounded = false;
  for (absl::string_view line : absl::StrSplit(info, absl::ByAnyChar("\r\n"))) {
    if (absl::ConsumePrefix(&line, "maxmemory:")) bounded = line != "0";
    if (absl::ConsumePrefix(&line, "maxmemory_policy:")) policy = std::string(line);
  }
  return bounded && policy != "noeviction" ? policy : "";
}

uint64_t EvictedKeys(absl::string_view info) {
  uint64_t keys = 0;
  for (absl::string_view line : absl::StrSplit(info, absl::ByAnyChar("\r\n"))) {
    if (absl::ConsumePrefix(&line, "evicted_keys:") && !absl::SimpleAtoi(line, &keys)) keys = 0;
  }
  return keys;
}

bool NumbersWentBack(const ShardLook& look, const std::vector<Followed::Node>& followed) {
  return std::any_of(followed.begin(), followed.end(), [&look](const Followed::Node& node) {
    const auto owner = look.owners.find(node.node);
    return owner != look.owners.end() && !owner->second.generations.empty() &&
           owner->second.generations.front() == node.generation &&
           owner->second.number < node.number;
  });
}

bool IsSameData(const ShardLook& look, const Followed& followed) {
  if (followed.refilling) return false;
  if (followed.birth.empty()) return true;
  if (look.birth != followed.birth) return false;
  // Numbers: of an old copy to which somebody has already added.
  return !IsEarlierId(look.last_id, followed.position) && !NumbersWentBack(look, followed.nodes);
}

bool HoldsAllOf(NodeNumber node, const ShardLook& look, const Followed& followed) {
  const auto known = std::find_if(followed.nodes.begin(), followed.nodes.end(),
                                  [node](const auto& each) { return each.node == node; });
  if (known == followed.nodes.end()) return true;  // it has come since
  const auto owner = look.owners.find(node);
  return known->settled && owner != look.owners.end() && owner->second.generations.size() == 1 &&
         owner->second.generations.front() == known->generation;
}

}  // namespace session_status::fleet
