// The last beginnings and ends of each client's connections, inside a hard memory budget.
//
// Every client keeps at most entries_max of them. When the budget is used up, the client that
// changed longest ago is forgotten as a whole: a client that flaps costs only its own older
// entries. A reader is told from when on nothing is missing.
//
// Threads:   one at a time.
// Ownership: copies what it is told; answers are copies.
// Errors:    an identifier that alone is over the budget is not remembered. Add throws
//            std::bad_alloc; the change is not remembered then, nothing else is lost.
#ifndef SESSION_STATUS_PLUGIN_HISTORY_CONNECTION_HISTORY_H_
#define SESSION_STATUS_PLUGIN_HISTORY_CONNECTION_HISTORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "plugin/feed/change.h"
#include "registry/address.h"

namespace session_status::history {

struct HistoryOptions {
  // All clients together; 0: nothing is remembered. About 20 clients with four entries in 10 KiB.
  size_t bytes_max = size_t{16} << 20;
  // Of one client.
  size_t entries_max = 16;
};

class ConnectionHistory {
 public:
  explicit ConnectionHistory(const HistoryOptions& options) : options_(options) {}
  ConnectionHistory(const ConnectionHistory&) = delete;
  ConnectionHistory& operator=(const ConnectionHistory&) = delete;

  void Add(const feed::Change& change);
  // Changes up to now may have been missed.
  void AddGap(int64_t now_ms);

  struct Answer {
    // Newest first. Their views borrow from `texts`, and client_id from the caller.
    std::vector<feed::Change> entries;
    std::list<std::string> texts;
    uint64_t flaps = 0;
    int64_t dropped_before_ms = 0;  // 0: nothing was dropped
  };
  // At most `limit` entries. Empty when the client is not remembered.
  Answer Find(absl::string_view client_id, size_t limit) const;

  size_t bytes() const { return bytes_; }
  size_t clients() const { return clients_.size(); }
  uint64_t clients_forgotten() const { return clients_forgotten_; }

 private:
  struct Entry {
    uint64_t sequence;
    uint64_t incarnation;
    int64_t time_ms;
    uint16_t broker_code;
    uint16_t listener_port;
    feed::ChangeKind kind;
    registry::SessionState before;
    registry::SessionState after;
    registry::EndReason reason;
    registry::ProtocolVersion protocol_version;
    registry::Transport transport;
    registry::AddressKind address_kind;
    std::array<char, 16> address;  // IPv4 and the number of a text: the first four bytes
  };
  struct Client {
    std::string id;
    std::vector<Entry> entries;  // a ring once it holds entries_max
    size_t oldest = 0;
    uint64_t flaps = 0;
    int64_t dropped_before_ms = 0;
  };
  using Clients = std::list<Client>;  // changed last first

  Client* Touch(absl::string_view client_id);
  void ForgetOldest();
  void Append(const Entry& entry, Client* client);
  void PackAddress(absl::string_view address, Entry* entry);
  std::string AddressText(const Entry& entry) const;
  const Entry& Newest(const Client& client) const;
  static size_t BytesOf(const Client& client);

  const HistoryOptions options_;
  Clients clients_;
  std::unordered_map<absl::string_view, Clients::iterator, absl::Hash<absl::string_view>>
      by_id_;  // keys: the clients' own ids
  // Addresses that are no IP addresses: paths of Unix sockets, one per listener.
  std::vector<std::string> texts_;
  std::unordered_map<std::string, uint32_t> text_numbers_;
  size_t bytes_ = 0;
  uint64_t clients_forgotten_ = 0;
  int64_t forgotten_until_ms_ = 0;  // newest change of a client that was forgotten
  int64_t gap_until_ms_ = 0;
};

// A connection that broke or was taken over. On Mosquitto 2.0 every end counts: it tells no reason.
bool IsFlap(const feed::Change& change);

}  // namespace session_status::history

#endif  // SESSION_STATUS_PLUGIN_HISTORY_CONNECTION_HISTORY_H_
