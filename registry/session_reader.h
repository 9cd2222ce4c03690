// The readers' half of the registry.
//
// Threads: any. Find, QuerySnapshot: lock-free, nothing shared is written (but the rare Adopt() of
// a cut whose refresher was interrupted). FindDetails, ForEach: as their public comments say.
#ifndef SESSION_STATUS_REGISTRY_SESSION_READER_H_
#define SESSION_STATUS_REGISTRY_SESSION_READER_H_

#include <functional>
#include <string>
#include <vector>

#include "registry/session_table.h"

namespace session_status::registry {

class SessionReader {
 public:
  explicit SessionReader(SessionTable& table) : table_(table) {}

  SessionStatus Find(absl::string_view client_id) const;
  bool FindDetails(absl::string_view client_id, SessionDetails* details) const;
  SnapshotInfo QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                             absl::Span<SessionStatus> out) const;
  SnapshotInfo CurrentSnapshot() const;
  void ForEach(const std::function<bool(absl::string_view, const SessionDetails&)>& visit) const;
  uint64_t VisitFrom(uint64_t position, const SessionRegistry::VisitFn& visit) const;
  uint64_t PositionOf(absl::string_view client_id) const;

 private:
  // How far answering at one epoch came.
  enum class Batch : uint8_t { kDone, kOvertaken };

  // Answers all ids at the cut `*epoch`; kOvertaken: a change that hides it was met, and `*epoch`
  // is now a newer cut to start over with.
  Batch AnswerAt(uint64_t* epoch, absl::Span<const absl::string_view> client_ids,
                 absl::Span<SessionStatus> out) const;
  // The same for the few ids whose memory is asked for at once.
  Batch AnswerGroup(uint64_t* epoch, absl::Span<const absl::string_view> client_ids,
                    absl::Span<SessionStatus> out, bool* missed) const;

  struct Entry {
    uint64_t position;
    std::string id;
    SessionDetails details;
  };
  // The sessions of the page that covers `position`, as of moments during the call; returns the
  // first position after the page, 0 after the last.
  uint64_t ReadPageAt(uint64_t position, std::vector<Entry>* entries) const;
  // False if there is no known session in the slot (any more).
  bool ReadEntry(Slot slot, Entry* entry) const;

  SessionTable& table_;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_READER_H_
