// What an engine of the fleet answers, as bytes of its protocol, through hiredis and the reply
// arena into what the fleet reads in them. First byte:
//   `l`  looks at shards      `s`  CLUSTER SLOTS      `r`  refusals with MOVED and ASK
//   `e`  entries of a change stream and rows of a bucket
// Replies of any shape, with any values: what is taken from them obeys the layout, and agrees with
// a second reading of the same replies.
#include <hiredis/hiredis.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/reply_arena.h"
#include "plugin/fleet/shard_look.h"
#include "plugin/fleet/slot_map.h"
#include "tests/fuzz/engine_reply.h"
#include "tests/fuzz/fuzz.h"

namespace session_status::fleet {
namespace {

constexpr size_t kInputBytesMax = 8192;
constexpr char kAsked[] = "asked.example";

// Calls `take` with every reply that the bytes hold.
template <typename Take>
void ForEachReply(absl::string_view bytes, const Take& take) {
  if (AnnouncesMuch(bytes)) return;
  ReplyArena arena;
  const std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader(redisReaderCreate(),
                                                                        redisReaderFree);
  redisContext context{};
  context.reader = reader.get();
  arena.Attach(&context);
  FUZZ_CHECK(redisReaderFeed(reader.get(), bytes.data(), bytes.size()) == REDIS_OK);
  for (;;) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK || reply == nullptr) return;
    take(*static_cast<const redisReply*>(reply));
    arena.Reset();
  }
}

absl::string_view TextOf(const redisReply& r) {
  return r.str == nullptr ? absl::string_view() : absl::string_view(r.str, r.len);
}

// A view that is asked for what is not there answers with nothing.
void CheckView(const Reply& view, const redisReply& r, int depth = 0) {
  FUZZ_CHECK(view.is_error() == (r.type == REDIS_REPLY_ERROR));
  FUZZ_CHECK(view.text() == TextOf(r));
  FUZZ_CHECK(view.size() == (r.type == REDIS_REPLY_ARRAY ? r.elements : 0));
  FUZZ_CHECK(view[view.size()].is_nil() && view[view.size()][3].text().empty());
  if (depth > 8) return;
  for (size_t i = 0; i < view.size(); ++i) CheckView(view[i], *r.element[i], depth + 1);
}

bool IsWeaklyOrdered(absl::string_view a, absl::string_view b) {
  return !IsEarlierId(a, a) && !(IsEarlierId(a, b) && IsEarlierId(b, a));
}

void CheckLook(const redisReply& r) {
  static std::string last = "5-5";
  const ShardLook look = ParseLook(Reply(&r));
  const Reply view(&r);
  FUZZ_CHECK(look.last_id == view[0].text());
  FUZZ_CHECK(IsWeaklyOrdered(look.last_id, last));
  // The last of two fields of one name counts.
  std::map<NodeNumber, Owner> owners;
  std::string birth;
  const Reply fields = view[1];
  for (size_t i = 0; i < fields.size() / 2; ++i) {
    const std::string name(fields[2 * i].text());
    const Reply value = fields[2 * i + 1];
    if (name == "birth") birth = std::string(value.text());
    if (name.size() != 3 || (name[0] != 's' && name[0] != 'g')) continue;
    const auto node = static_cast<NodeNumber>(static_cast<unsigned char>(name[1]) * 256 +
                                              static_cast<unsigned char>(name[2]));
    FUZZ_CHECK(EncodeNode(node) == name.substr(1));
    if (name[0] == 's') {
      owners[node].number = static_cast<uint32_t>(value.integer());
      continue;
    }
    std::string written;
    owners[node].generations = DecodeGenerations(value.text());
    for (const Generation g : owners[node].generations) written += EncodeGeneration(g);
    FUZZ_CHECK(value.text().substr(0, written.size()) == written);
    FUZZ_CHECK(value.text().size() - written.size() < 4);
  }
  FUZZ_CHECK(look.birth == birth && look.owners.size() == owners.size());
  for (const auto& [node, owner] : owners) {
    FUZZ_CHECK(look.owners.at(node).number == owner.number);
    FUZZ_CHECK(look.owners.at(node).generations == owner.generations);
  }
  // Whoever follows just this, settled, has no doubt of it.
  Followed followed;
  followed.birth = look.birth;
  followed.position = look.last_id;
  for (const auto& [node, owner] : look.owners) {
    const Generation first = owner.generations.empty() ? 0 : owner.generations.front();
    followed.nodes.push_back({node, first, owner.number, owner.generations.size() == 1});
  }
  FUZZ_CHECK(IsSameData(look, followed));
  for (const auto& [node, owner] : look.owners) {
    FUZZ_CHECK(HoldsAllOf(node, look, followed) == (owner.generations.size() == 1));
  }
  last = look.last_id;
}

void CheckSlots(const redisReply& r) {
  const Reply view(&r);
  std::vector<SlotMap::Range> ranges;
  std::vector<int> holders(kHashSlots, -1);
  for (size_t i = 0; i < view.size(); ++i) {
    SlotMap::Range range;
    if (!ParseRange(view[i], kAsked, &range)) continue;
    FUZZ_CHECK(range.first <= range.last && range.last < kHashSlots);
    FUZZ_CHECK(range.primary.port != 0 && !range.primary.host.empty() && range.primary.host != "?");
    FUZZ_CHECK(!view[i][2][0].text().empty() || range.primary.host == kAsked);
    FUZZ_CHECK(view[i][0].integer() == range.first && view[i][1].integer() == range.last);
    std::fill(holders.begin() + range.first, holders.begin() + range.last + 1,
              static_cast<int>(ranges.size()));
    ranges.push_back(range);
  }
  SlotMap map;
  map.Replace(ranges);
  FUZZ_CHECK(map.known() == !ranges.empty());
  FUZZ_CHECK(map.Find(kHashSlots) == nullptr);
  for (uint16_t slot = 0; slot < kHashSlots; ++slot) {
    const EngineAddress::HostPort* found = map.Find(slot);
    FUZZ_CHECK((found != nullptr) == (holders[slot] >= 0));
    FUZZ_CHECK(found == nullptr || *found == ranges[static_cast<size_t>(holders[slot])].primary);
  }
}

void CheckRefusal(const redisReply& r) {
  const absl::string_view error = TextOf(r);
  const auto redirect = ParseRedirect(error, kAsked);
  if (!redirect.has_value()) return;
  FUZZ_CHECK(MeansTryLater(error));
  FUZZ_CHECK(redirect->slot < kHashSlots && redirect->target.port != 0);
  FUZZ_CHECK(!redirect->target.host.empty());
  const std::string again = absl::StrCat(redirect->ask ? "ASK " : "MOVED ", redirect->slot, " ",
                                         redirect->target.host, ":", redirect->target.port);
  const auto same = ParseRedirect(again, "another");
  FUZZ_CHECK(same.has_value() && same->ask == redirect->ask && same->slot == redirect->slot);
  FUZZ_CHECK(same->target == redirect->target);
  SlotMap map;
  map.Move(redirect->slot, redirect->target);
  FUZZ_CHECK(map.Find(redirect->slot) != nullptr && *map.Find(redirect->slot) == redirect->target);
}

void CheckBytes(const redisReply& r) {
  const absl::string_view bytes = TextOf(r);
  if (const auto row = DecodeRow(bytes); row.has_value()) {
    FUZZ_CHECK(bytes.size() >= 14);
    FUZZ_CHECK(EncodeNode(row->node) == bytes.substr(8, 2));
    FUZZ_CHECK(EncodeGeneration(row->generation) == bytes.substr(10, 4));
  }
  const auto entry = DecodeEntry(bytes);
  FUZZ_CHECK(entry.has_value() == (bytes.size() >= 11));
  if (!entry.has_value()) return;
  FUZZ_CHECK(EncodeNode(entry->node) == bytes.substr(1, 2));
  FUZZ_CHECK(EncodeGeneration(entry->number) == bytes.substr(7, 4));
  FUZZ_CHECK(entry->events.empty() || entry->kind == Entry::Kind::kApplied);
  FUZZ_CHECK(entry->older.empty() || entry->kind == Entry::Kind::kBegin);
  std::string written;
  for (const Event& event : entry->events) {
    FUZZ_CHECK(static_cast<int>(event.reason) < registry::kEndReasonCount);
    AppendEvent(event, &written);
    const absl::string_view read = bytes.substr(11 + written.size() - kEventBytes, kEventBytes);
    // A reason of a later version becomes "unknown".
    const bool known = static_cast<unsigned char>(read.back()) < registry::kEndReasonCount;
    if (!known) written.back() = read.back();
  }
  FUZZ_CHECK(bytes.substr(11, written.size()) == written);
}

}  // namespace
}  // namespace session_status::fleet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace session_status::fleet;
  session_status::fuzz::Input input(data, std::min(size, kInputBytesMax));
  const uint8_t kind = input.Byte();
  ForEachReply(input.rest(), [kind](const redisReply& reply) {
    CheckView(Reply(&reply), reply);
    if (kind == 'l') CheckLook(reply);
    if (kind == 's') CheckSlots(reply);
    if (kind == 'r') CheckRefusal(reply);
    if (kind == 'e') CheckBytes(reply);
  });
  return 0;
}
