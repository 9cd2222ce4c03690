#include "plugin/history/connection_history.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace session_status::history {
namespace {

using feed::Change;
using feed::ChangeKind;
using registry::AddressKind;
using registry::EndReason;

// What one client costs beside its struct, its entries and a long identifier: two links of the
// list, the map's slot at its emptiest (7/16 full), three headers of malloc.
constexpr size_t kClientOverhead = 2 * sizeof(void*) + (3 * sizeof(void*) + 1) * 16 / 7 + 3 * 16;

// Paths of Unix sockets; the broker has as many as it has such listeners.
constexpr size_t kTextsMax = 64;
constexpr size_t kTextBytesMax = 256;

}  // namespace

bool IsFlap(const Change& change) {
  if (change.kind == ChangeKind::kOnline) return change.taken_over();
  if (change.kind != ChangeKind::kOffline && change.kind != ChangeKind::kSessionKept) return false;
  return change.reason == EndReason::kNetworkError ||
         change.reason == EndReason::kKeepaliveTimeout || change.reason == EndReason::kUnknown;
}

size_t ConnectionHistory::BytesOf(const Client& client) {
  const size_t id = client.id.capacity() > std::string().capacity() ? client.id.capacity() + 1 : 0;
  return sizeof(Client) + kClientOverhead + id + client.entries.capacity() * sizeof(Entry);
}

void ConnectionHistory::Add(const Change& change) {
  Entry entry = {.sequence = change.sequence,
                 .incarnation = change.incarnation,
                 .time_ms = change.time_ms,
                 .broker_code = change.broker_code,
                 .listener_port = change.listener_port,
                 .kind = change.kind,
                 .before = change.before,
                 .after = change.after,
                 .reason = change.reason,
                 .protocol_version = change.protocol_version,
                 .transport = change.transport,
                 .address_kind = AddressKind::kNone,
                 .address = {}};
  Client* client = Touch(change.client_id);
  if (client == nullptr) return;
  PackAddress(change.address, &entry);
  if (change.kind != ChangeKind::kOnline && !client->entries.empty()) {
    // An end is told without the facts of its connection, whose beginning came just before it.
    const Entry& last = Newest(*client);
    if (last.incarnation == entry.incarnation && entry.address_kind == AddressKind::kNone) {
      entry.address_kind = last.address_kind;
      entry.address = last.address;
      entry.listener_port = last.listener_port;
      entry.protocol_version = last.protocol_version;
      entry.transport = last.transport;
    }
  }
  Append(entry, client);
  if (IsFlap(change)) ++client->flaps;
  while (bytes_ > options_.bytes_max && !clients_.empty()) ForgetOldest();
}

void ConnectionHistory::AddGap(int64_t now_ms) { gap_until_ms_ = std::max(gap_until_ms_, now_ms); }

// The client's place, moved to the front; nullptr if it could never fit.
ConnectionHistory::Client* ConnectionHistory::Touch(absl::string_view client_id) {
  const auto known = by_id_.find(client_id);
  if (known != by_id_.end()) {
    clients_.splice(clients_.begin(), clients_, known->second);
    return &clients_.front();
  }
  if (sizeof(Client) + kClientOverhead + client_id.size() + 2 * sizeof(Entry) >
      options_.bytes_max) {
    return nullptr;
  }
  // In both tables, or, without memory, in none.
  Clients fresh(1);
  Client& client = fresh.front();
  client.id.assign(client_id.data(), client_id.size());
  client.dropped_before_ms = forgotten_until_ms_;  // it may have been one of them
  by_id_.emplace(client.id, fresh.begin());
  clients_.splice(clients_.begin(), fresh);
  bytes_ += BytesOf(client);
  return &client;
}

void ConnectionHistory::Append(const Entry& entry, Client* client) {
  const size_t max = std::max<size_t>(options_.entries_max, 1);
  std::vector<Entry>& entries = client->entries;
  if (entries.size() == max) {
    Entry& oldest = entries[client->oldest];
    client->dropped_before_ms = std::max(client->dropped_before_ms, oldest.time_ms + 1);
    oldest = entry;
    client->oldest = (client->oldest + 1) % max;
    return;
  }
  if (entries.size() == entries.capacity()) {
    const size_t before = BytesOf(*client);
    entries.reserve(std::min(max, std::max<size_t>(2, entries.size() * 2)));
    bytes_ += BytesOf(*client) - before;
  }
  entries.push_back(entry);
}

void ConnectionHistory::ForgetOldest() {
  const Client& client = clients_.back();
  if (!client.entries.empty()) {
    forgotten_until_ms_ = std::max(forgotten_until_ms_, Newest(client).time_ms + 1);
  }
  bytes_ -= BytesOf(client);
  by_id_.erase(client.id);
  clients_.pop_back();
  ++clients_forgotten_;
}

const ConnectionHistory::Entry& ConnectionHistory::Newest(const Client& client) const {
  const size_t count = client.entries.size();
  return client.entries[(client.oldest + count - 1) % count];
}

void ConnectionHistory::PackAddress(absl::string_view address, Entry* entry) {
  const registry::PackedAddress packed = registry::PackAddress(address);
  entry->address_kind = packed.kind;
  switch (packed.kind) {
    case AddressKind::kNone:
      break;
    case AddressKind::kIpv4:
      std::memcpy(entry->address.data(), &packed.ipv4, sizeof packed.ipv4);
      break;
    case AddressKind::kIpv6:
      entry->address = packed.ipv6;
      break;
    case AddressKind::kText: {
      const absl::string_view text = packed.text.substr(0, kTextBytesMax);
      auto known = text_numbers_.find(std::string(text));
      if (known == text_numbers_.end()) {
        if (texts_.size() == kTextsMax) {
          entry->address_kind = AddressKind::kNone;
          break;
        }
        texts_.reserve(kTextsMax);  // so that a text that has its number finds its place
        std::string copy(text);
        known = text_numbers_.emplace(copy, texts_.size()).first;
        texts_.push_back(std::move(copy));
      }
      std::memcpy(entry->address.data(), &known->second, sizeof known->second);
      break;
    }
  }
}

std::string ConnectionHistory::AddressText(const Entry& entry) const {
  uint32_t number = 0;
  std::memcpy(&number, entry.address.data(), sizeof number);
  switch (entry.address_kind) {
    case AddressKind::kNone:
      break;
    case AddressKind::kIpv4:
      return registry::Ipv4Text(number);
    case AddressKind::kIpv6:
      return registry::Ipv6Text(absl::string_view(entry.address.data(), entry.address.size()));
    case AddressKind::kText:
      return texts_[number];
  }
  return "";
}

ConnectionHistory::Answer ConnectionHistory::Find(absl::string_view client_id, size_t limit) const {
  Answer answer;
  answer.dropped_before_ms = std::max(forgotten_until_ms_, gap_until_ms_);
  const auto known = by_id_.find(client_id);
  if (known == by_id_.end()) return answer;
  const Client& client = *known->second;
  answer.flaps = client.flaps;
  answer.dropped_before_ms = std::max(client.dropped_before_ms, gap_until_ms_);
  const size_t count = client.entries.size();
  for (size_t i = 0; i < std::min(count, limit); ++i) {
    const Entry& entry = client.entries[(client.oldest + count - 1 - i) % count];
    Change& change = answer.entries.emplace_back();
    change.sequence = entry.sequence;
    change.incarnation = entry.incarnation;
    change.time_ms = entry.time_ms;
    change.kind = entry.kind;
    change.before = entry.before;
    change.after = entry.after;
    change.reason = entry.reason;
    change.protocol_version = entry.protocol_version;
    change.transport = entry.transport;
    change.broker_code = entry.broker_code;
    change.listener_port = entry.listener_port;
    change.client_id = client_id;
    change.address = answer.texts.emplace_back(AddressText(entry));
  }
  return answer;
}

}  // namespace session_status::history
