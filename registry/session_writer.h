// The writer's half of the registry: what an event does to a session.
//
// Threads: writer only, wait-free (but for page faults).
#ifndef SESSION_STATUS_REGISTRY_SESSION_WRITER_H_
#define SESSION_STATUS_REGISTRY_SESSION_WRITER_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "registry/session_table.h"

namespace session_status::registry {

class SessionWriter {
 public:
  explicit SessionWriter(SessionTable& table) : table_(table) {}

  ApplyResult Apply(const SessionEvent& event);
  bool MustForget() const;
  size_t Maintain(absl::Time now, size_t budget, const SessionRegistry::ForgettingFn& forgetting);
  uint64_t InspectFrom(uint64_t position, const SessionRegistry::InspectFn& inspect);
  void CheckInvariantsForTest() const;

 private:
  // A session as the writer sees it before an event; kUnknown if the client is not known or
  // forgotten (then the slot may still be there).
  struct Session {
    Slot slot = 0;
    StatusWord word;
    uint64_t incarnation = 0;
    SessionState state() const { return word.now().Unpack().state; }
  };

  void PrefetchFigures() const;
  Session Read(Slot slot, StatusWord word) const;
  // Default details if there is no slot; but for the group, if the client is forgotten.
  Details DetailsOf(const Session& session) const;
  static bool Accepts(const SessionEvent& event, const Session& session);
  static SessionStatus StatusAfter(const SessionEvent& event, SessionStatus before);
  // Where the strings of a connection are kept.
  struct Strings {
    AddressKind address_kind = AddressKind::kNone;
    uint32_t address = 0;
    uint32_t username = 0;
  };
  static Details DetailsAfter(const SessionEvent& event, const Session& session,
                              const Details& before, const Strings& strings);
  Strings InternConnection(const Connection& connection, const Details& before);
  void ReleaseStrings(const Details& details);
  // Brings the session's place in the queues of ended sessions in line with its new state.
  void Requeue(Slot slot, SessionState before, SessionState after);
  ApplyResult EndConnection(const Session& session, const SessionEvent& event);
  bool Insert(const PreparedId& id, const SessionEvent& event, SessionStatus after,
              Details* details);
  void Update(const Session& session, const SessionEvent& event, SessionStatus after,
              const Details& details);
  // What the status word says of a session's cohort after it became `status`.
  uint16_t CohortAfter(SessionStatus status, const Details& details);
  void CountState(SessionState before, SessionState after, uint16_t group);
  void CountChange(const Session& session, const Details& before, const SessionEvent& event,
                   SessionStatus after, const Details& details);
  void Forget(Slot slot);
  void Remove(Slot slot);
  uint64_t SessionsNotForgotten() const;
  // Lines of the identifier in the slot.
  uint64_t NameLines(Slot slot) const;
  uint64_t NameLinesMax() const;
  // Whether every cut that a reader may start from says that the session is unknown.
  bool IsUnknownToReaders(StatusWord word) const;
  ApplyResult Refuse(ApplyResult::Outcome outcome, SessionState state);

  SessionTable& table_;
  uint64_t forgotten_lines_ = 0;  // NameLines() of the sessions in the queue of the forgotten
  std::string inspected_id_;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_WRITER_H_
