#include "registry/session_writer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "registry/address.h"
#include "registry/client_id_inl.h"
#include "registry/loss_grace.h"
#include "registry/session_details_reader.h"
#include "registry/value_limits.h"

namespace session_status::registry {

namespace {

using Kind = SessionEvent::Kind;

// 0 stands for "not known"; times before 1970 are taken for its first millisecond.
uint64_t ToMillis(absl::Time t) {
  if (t == absl::InfinitePast()) return 0;
  return static_cast<uint64_t>(std::clamp<int64_t>(absl::ToUnixMillis(t), 1, kMillisMax));
}

bool IsWellFormed(const SessionEvent& e) {
  if (e.client_id.size() > kClientIdBytesMax) return false;
  if (e.incarnation == 0 || e.incarnation > kIncarnationMax) return false;
  if (e.connection.address.size() > kClientIdBytesMax ||
      e.connection.username.size() > kClientIdBytesMax) {
    return false;
  }
  return e.kind != Kind::kRestored || e.state == SessionState::kOfflineSessionKept ||
         e.state == SessionState::kOffline;
}

EndReason Known(EndReason reason) {
  return static_cast<int>(reason) < kEndReasonCount ? reason : EndReason::kUnknown;
}

ProtocolVersion Known(ProtocolVersion protocol) {
  return static_cast<size_t>(protocol) < RegistryCounters::kProtocols ? protocol
                                                                      : ProtocolVersion::kUnknown;
}

Transport Known(Transport transport) {
  return transport <= Transport::kWebSockets ? transport : Transport::kUnknown;
}

// How much earlier than at `ended_ms` the end may have been, in kEndedSpanUnitMs, rounded up: never
// a narrower interval than was told.
uint32_t EndedSpan(const SessionEvent& e, uint64_t ended_ms) {
  if (e.ended_not_before == absl::InfinitePast()) return 0;
  const uint64_t first_ms = ToMillis(e.ended_not_before);
  if (first_ms >= ended_ms) return 0;
  const uint64_t span = (ended_ms - first_ms + kEndedSpanUnitMs - 1) / kEndedSpanUnitMs;
  return static_cast<uint32_t>(std::min<uint64_t>(span, UINT32_MAX));
}

bool BringsConnection(const SessionEvent& e) {
  return e.kind == Kind::kConnected || e.kind == Kind::kRestored;
}

bool IsForgotten(SessionState s) { return s == SessionState::kUnknown; }

bool IsQueued(SessionState s) { return s == SessionState::kOffline || IsForgotten(s); }

EndedList::Queue QueueOf(SessionState s) {
  return IsForgotten(s) ? EndedList::kForgotten : EndedList::kEnded;
}

bool IsBeforeMqtt5(const Details& d) {
  return d.protocol_version() == ProtocolVersion::kMqtt31 ||
         d.protocol_version() == ProtocolVersion::kMqtt311;
}

// When the session began that a connection begins, or goes on with; 0: not known. A clean start
// discards what was (MQTT 5, 3.1.2.4); a session that was begun so before MQTT 5 lasts as long as
// its connection, so that a takeover ends it too (MQTT 3.1.1, 3.1.2.4). With MQTT 5 the same holds
// of a session whose expiry interval is zero, but the broker keeps the interval to itself: of who
// is taken over nobody knows it.
//
// found_no_session counts where the session was kept: it has expired since, which 2.1 tells nobody.
// Of who is online the broker may tell the end after the connect.
//
// session_not_told: the broker may have gone on with a session of MQTT 5, or with one from before
// its own start, of which we do not know, or no more.
uint64_t SessionBeginMs(const SessionEvent& e, SessionState before_state, const Details& before) {
  const uint64_t now_ms = ToMillis(e.time);
  if (e.connection.clean_start) return now_ms;
  const bool ends_with_connection = IsBeforeMqtt5(before) && before.clean_start();
  switch (before_state) {
    case SessionState::kOnline:
      if (ends_with_connection) return now_ms;
      return IsBeforeMqtt5(before) ? before.created_ms() : 0;
    case SessionState::kOfflineSessionKept:
      return e.found_no_session ? now_ms : before.created_ms();
    case SessionState::kOffline:
      if (ends_with_connection && !before.restored()) return now_ms;
      break;
    case SessionState::kUnknown:
      break;
  }
  return e.session_not_told ? 0 : now_ms;
}

void CheckFor(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "session registry invariant broken: %s\n", what);
  std::abort();
}

}  // namespace

// -- what an event means -------------------------------------------------------------------------

bool SessionWriter::Accepts(const SessionEvent& e, const Session& s) {
  switch (e.kind) {
    case Kind::kConnected:
      return e.incarnation > s.incarnation;
    case Kind::kRestored:
      return e.incarnation > s.incarnation ||
             (e.incarnation == s.incarnation && s.state() == SessionState::kOffline &&
              e.state == SessionState::kOfflineSessionKept);
    case Kind::kEnded:
      return e.incarnation == s.incarnation && s.state() == SessionState::kOnline;
    case Kind::kSessionGone:
      return e.incarnation == s.incarnation && s.state() == SessionState::kOfflineSessionKept;
  }
  return false;
}

SessionStatus SessionWriter::StatusAfter(const SessionEvent& e, SessionStatus before) {
  switch (e.kind) {
    case Kind::kConnected:
      return {SessionState::kOnline, EndReason::kNone};
    case Kind::kRestored:
      return {e.state, Known(e.reason)};
    case Kind::kEnded:
      if (e.session_kept) return {SessionState::kOfflineSessionKept, Known(e.reason)};
      break;
    case Kind::kSessionGone:
      if (e.reason != EndReason::kSessionExpired) break;
      return {SessionState::kOffline, e.reason, IsLoss(before.reason)};
  }
  return {SessionState::kOffline, Known(e.reason)};
}

Details SessionWriter::DetailsAfter(const SessionEvent& e, const Session& s, const Details& before,
                                    const Strings& strings) {
  const uint64_t now_ms = ToMillis(e.time);
  if (!BringsConnection(e)) {
    Details d = before;
    d.set_session_gone(now_ms, e.broker_code);
    return d;
  }
  Details::Fields f;
  f.keepalive_s = e.connection.keepalive_s;
  f.listener_port = e.connection.listener_port;
  f.protocol_version = Known(e.connection.protocol_version);
  f.transport = Known(e.connection.transport);
  f.clean_start = e.connection.clean_start;
  f.address_kind = strings.address_kind;
  f.address = strings.address;
  f.username = strings.username;
  f.group = before.group();
  if (e.kind == Kind::kConnected) {
    f.created_ms = SessionBeginMs(e, s.state(), before);
    f.connected_ms = now_ms;
    f.connects = before.connects() + (before.connects() < UINT32_MAX ? 1 : 0);
  } else {
    f.connected_ms = ToMillis(e.connected_at);
    f.created_ms = ToMillis(e.session_created_at);
    f.ended_ms = now_ms;
    f.ended_span = EndedSpan(e, now_ms);
    f.broker_code = e.broker_code;
    f.connects = e.connects;
    f.restored = true;
  }
  return Details(f);
}

// -- applying it ---------------------------------------------------------------------------------

SessionWriter::Session SessionWriter::Read(Slot slot, StatusWord word) const {
  Session s;
  s.slot = slot;
  s.word = word;
  s.incarnation = table_.index.hot(slot).incarnation_and_length.Own() >> 16;
  return s;
}

Details SessionWriter::DetailsOf(const Session& s) const {
  return s.slot == 0 ? Details() : table_.index.details(s.slot).Load();
}

ApplyResult SessionWriter::Refuse(ApplyResult::Outcome outcome, SessionState state) {
  const bool stale = outcome == ApplyResult::Outcome::kStale;
  (stale ? table_.counters.stale_events : table_.counters.out_of_memory).Add(1);
  return {outcome, 0, state, state};
}

// What every event touches whichever client it is about; a reader on the sibling core may have
// pushed it out. Asked for together with the client's own lines it costs nothing.
void SessionWriter::PrefetchFigures() const {
  const char* const counters = reinterpret_cast<const char*>(&table_.counters);
  for (size_t i = 0; i < sizeof(RegistryCounters); i += 64) __builtin_prefetch(counters + i, 1);
  __builtin_prefetch(&table_.epochs, 1);
  __builtin_prefetch(&table_.index.details(EndedList::kEnded), 1);
}

ApplyResult SessionWriter::Apply(const SessionEvent& event) {
  if (!IsWellFormed(event)) {
    return Refuse(ApplyResult::Outcome::kStale, SessionState::kUnknown);
  }
  PreparedId id;
  table_.hasher.Prepare(event.client_id, &id);
  PrefetchFigures();
  uint64_t word = 0;
  const Slot slot = table_.index.FindForEvent(id, &word);
  const Session session = slot == 0 ? Session() : Read(slot, StatusWord(word));
  if (!Accepts(event, session)) return Refuse(ApplyResult::Outcome::kStale, session.state());
  if (event.kind == Kind::kEnded) return EndConnection(session, event);

  const Details before = DetailsOf(session);
  Strings strings;
  if (BringsConnection(event)) strings = InternConnection(event.connection, before);
  const SessionStatus after = StatusAfter(event, session.word.now().Unpack());
  Details details = DetailsAfter(event, session, before, strings);
  if (slot != 0) {
    Update(session, event, after, details);
  } else if (!Insert(id, event, after, &details)) {
    ReleaseStrings(details);
    return Refuse(ApplyResult::Outcome::kOutOfMemory, session.state());
  }
  if (BringsConnection(event)) ReleaseStrings(before);
  CountChange(session, before, event, after, details);
  return {ApplyResult::Outcome::kApplied, table_.epochs.sequence(), session.state(), after.state};
}

// Half of all events. Whatever it needs to know lies in the hot line; to the details it only
// writes, and does not wait for them.
ApplyResult SessionWriter::EndConnection(const Session& s, const SessionEvent& event) {
  const SessionStatus after = StatusAfter(event, s.word.now().Unpack());
  HotRecord& hot = table_.index.hot(s.slot);
  const uint16_t cohort_number = s.word.cohort();
  const Cohort cohort =
      cohort_number == 0 ? Cohort(DetailsOf(s)) : table_.cohorts.At(cohort_number);

  const uint64_t epoch = table_.epochs.BeginEvent();
  hot.content.Advance();
  table_.index.details(s.slot).StoreEndOfConnection(ToMillis(event.time), event.broker_code);
  hot.status.Store(s.word.Changed(epoch, PackedStatus(after), 0).bits());
  hot.content.Advance();
  table_.epochs.EndEvent(/*counts=*/true);
  Requeue(s.slot, s.state(), after.state);

  table_.counters.CountOnline(cohort.protocol_version, cohort.listener_port, -1);
  table_.counters.ends_by_reason[static_cast<size_t>(after.reason)].Add(1);
  CountState(s.state(), after.state, cohort.group);
  return {ApplyResult::Outcome::kApplied, table_.epochs.sequence(), s.state(), after.state};
}

// Most clients come back as who they were and from where they were. What there is no room for is
// left out: that somebody is online does not depend on it.
SessionWriter::Strings SessionWriter::InternConnection(const Connection& c, const Details& before) {
  const PackedAddress packed = PackAddress(c.address);
  Strings strings{packed.kind, packed.ipv4, 0};
  if (packed.is_interned()) {
    strings.address =
        table_.strings.Intern(packed.bytes(), before.address_is_interned() ? before.address() : 0);
    if (strings.address == 0) {
      strings.address_kind = AddressKind::kNone;
      table_.counters.names_left_out.Add(1);
    }
  }
  if (!c.username.empty()) {
    strings.username = table_.strings.Intern(c.username, before.username());
    if (strings.username == 0) table_.counters.names_left_out.Add(1);
  }
  return strings;
}

void SessionWriter::ReleaseStrings(const Details& d) {
  if (d.address_is_interned()) table_.strings.Release(d.address());
  if (d.username() != 0) table_.strings.Release(d.username());
}

void SessionWriter::Requeue(Slot slot, SessionState before, SessionState after) {
  if (IsQueued(before)) table_.ended.Remove(QueueOf(before), slot);
  if (IsQueued(after)) table_.ended.Append(QueueOf(after), slot);
  if (IsForgotten(before)) forgotten_lines_ -= NameLines(slot);
  if (IsForgotten(after)) forgotten_lines_ += NameLines(slot);
}

bool SessionWriter::Insert(const PreparedId& id, const SessionEvent& event, SessionStatus after,
                           Details* details) {
  if (SessionsNotForgotten() >= table_.sessions_max) return false;
  const SessionIndex::Place place = table_.index.Reserve(id.hash, [this](Slot from, Slot to) {
    const StatusWord word(table_.index.hot(to).status.Own());
    if (IsQueued(word.now().Unpack().state)) table_.ended.Moved(from, to);
  });
  uint64_t first_word = 0;
  if (place.slot == 0 || !table_.index.StoreId(id, &first_word)) return false;
  details->set_group(table_.groups.Join(GroupOf(event.client_id)));

  const uint16_t cohort = CohortAfter(after, *details);
  const uint64_t epoch = table_.epochs.BeginEvent();
  const StatusWord word = StatusWord::Make(epoch, PackedStatus(after), PackedStatus(), cohort);
  table_.index.BeginLife(place.slot, id, first_word, event.incarnation, word.bits(), *details);
  table_.index.Link(place);
  table_.epochs.EndEvent(/*counts=*/true);
  if (IsQueued(after.state)) table_.ended.Append(QueueOf(after.state), place.slot);
  return true;
}

void SessionWriter::Update(const Session& s, const SessionEvent& event, SessionStatus after,
                           const Details& details) {
  HotRecord& hot = table_.index.hot(s.slot);
  const uint64_t length = hot.incarnation_and_length.Own() & 0xffff;
  const uint16_t cohort = CohortAfter(after, details);

  const uint64_t epoch = table_.epochs.BeginEvent();
  hot.content.Advance();
  table_.index.details(s.slot).Store(details);
  hot.incarnation_and_length.Store(event.incarnation << 16 | length);
  hot.status.Store(s.word.Changed(epoch, PackedStatus(after), cohort).bits());
  hot.content.Advance();
  table_.epochs.EndEvent(/*counts=*/true);
  // Last: nothing after it waits for the lines of the neighbours in time.
  Requeue(s.slot, s.state(), after.state);
}

uint16_t SessionWriter::CohortAfter(SessionStatus status, const Details& details) {
  return status.online() ? table_.cohorts.NumberOf(Cohort(details)) : uint16_t{0};
}

void SessionWriter::CountState(SessionState before, SessionState after, uint16_t group) {
  table_.counters.CountState(before, after);
  table_.groups.Count(group, before, after);
}

void SessionWriter::CountChange(const Session& s, const Details& before, const SessionEvent& event,
                                SessionStatus after, const Details& d) {
  RegistryCounters& c = table_.counters;
  const bool was_online = s.state() == SessionState::kOnline;
  if (was_online) c.CountOnline(before.protocol_version(), before.listener_port(), -1);
  if (after.online()) c.CountOnline(d.protocol_version(), d.listener_port(), +1);
  CountState(s.state(), after.state, d.group());
  if (event.kind == Kind::kConnected) {
    c.connects.Add(1);
    if (was_online) c.takeovers.Add(1);
  } else if (event.kind != Kind::kRestored) {
    c.ends_by_reason[static_cast<size_t>(after.reason)].Add(1);
  }
  c.long_id_bytes.Set(table_.lines.lines_in_use() * 64);
}

// -- forgetting ----------------------------------------------------------------------------------

uint64_t SessionWriter::NameLines(Slot slot) const {
  const size_t length = table_.index.hot(slot).incarnation_and_length.Own() & 0xffff;
  return length <= kInlineIdBytes ? 0 : LineStore::LinesOf(length);
}

uint64_t SessionWriter::NameLinesMax() const {
  constexpr uint64_t kLeast = 65536;
  constexpr uint64_t kPerEnded = 2, kPerLive = 8;
  const uint64_t most = table_.lines.capacity() / 2;
  const RegistryCounters& c = table_.counters;
  const uint64_t live = c.by_state[static_cast<size_t>(SessionState::kOnline)].Get() +
                        c.by_state[static_cast<size_t>(SessionState::kOfflineSessionKept)].Get();
  const uint64_t ended = kPerEnded * std::min(table_.options.ended_max, most);
  return std::min(most, std::max(kLeast, ended) + kPerLive * live);
}

// Those that are forgotten but still shown by an older cut leave with the next one, whatever else
// is forgotten. They lie in the room beyond sessions_max that pages which are not full need.
uint64_t SessionWriter::SessionsNotForgotten() const {
  return table_.index.size() - table_.ended.size(EndedList::kForgotten);
}

bool SessionWriter::MustForget() const {
  const uint64_t ended = table_.ended.size(EndedList::kEnded);
  if (ended == 0) return false;
  return ended > table_.options.ended_max ||
         SessionsNotForgotten() > table_.sessions_max - table_.sessions_max / 16 ||
         table_.lines.lines_in_use() - forgotten_lines_ > NameLinesMax();
}

size_t SessionWriter::Maintain(absl::Time now, size_t budget,
                               const SessionRegistry::ForgettingFn& forgetting) {
  const int64_t ended_until = absl::ToUnixMillis(now - table_.options.ended_ttl);
  size_t forgotten = 0;
  for (; forgotten < budget; ++forgotten) {
    const Slot s = table_.ended.front(EndedList::kEnded);
    if (s == 0) break;
    const uint64_t ended_ms = table_.index.details(s).Load().session_ended_ms();
    if (static_cast<int64_t>(ended_ms) > ended_until && !MustForget()) break;
    if (forgetting) {
      std::string id;
      SessionDetails details;
      table_.index.ReadId(s, &id);
      ReadDetails(table_, s, StatusWord(table_.index.hot(s).status.Own()), &details);
      forgetting(id, details);
    }
    Forget(s);
  }
  for (size_t i = 0; i < budget; ++i) {
    const Slot s = table_.ended.front(EndedList::kForgotten);
    if (s == 0 || !IsUnknownToReaders(StatusWord(table_.index.hot(s).status.Own()))) break;
    Remove(s);
  }
  table_.counters.long_id_bytes.Set(table_.lines.lines_in_use() * 64);
  return forgotten;
}

void SessionWriter::Forget(Slot slot) {
  HotRecord& hot = table_.index.hot(slot);
  const Session s = Read(slot, StatusWord(hot.status.Own()));
  const Details before = DetailsOf(s);
  Details nothing;
  nothing.set_group(before.group());

  const uint64_t epoch = table_.epochs.BeginEvent();
  const StatusWord after = s.word.Changed(epoch, PackedStatus(), 0);
  hot.content.Advance();
  table_.index.details(slot).Store(nothing);
  hot.incarnation_and_length.Store(hot.incarnation_and_length.Own() & 0xffff);
  hot.status.Store(after.bits());
  hot.content.Advance();
  table_.epochs.EndEvent(/*counts=*/false);
  Requeue(slot, s.state(), SessionState::kUnknown);

  ReleaseStrings(before);
  CountState(s.state(), SessionState::kUnknown, before.group());
  table_.counters.forgotten.Add(1);
  // What came and went between two cuts need not wait for the next one: however long the refresh
  // interval is, only sessions that the present cut shows are held back.
  if (IsUnknownToReaders(after)) Remove(slot);
}

bool SessionWriter::IsUnknownToReaders(StatusWord word) const {
  const uint64_t published = table_.epochs.published();
  return word.epoch() <= published + 1 && IsForgotten(word.AsOf(published).Unpack().state);
}

void SessionWriter::Remove(Slot slot) {
  const uint16_t group = table_.index.details(slot).Load().group();
  table_.ended.Remove(EndedList::kForgotten, slot);
  forgotten_lines_ -= NameLines(slot);
  table_.index.Remove(slot);
  table_.groups.Leave(group);
}

// -- audits --------------------------------------------------------------------------------------

uint64_t SessionWriter::InspectFrom(uint64_t position, const SessionRegistry::InspectFn& inspect) {
  SessionIndex::PageSlots page;
  table_.index.ReadPage(position, &page);
  for (int i = 0; i < page.count; ++i) {
    __builtin_prefetch(&table_.index.hot(page.slots[i]));
    __builtin_prefetch(&table_.index.details(page.slots[i]).words[5]);
  }
  for (int i = 0; i < page.count; ++i) {
    const Slot slot = page.slots[i];
    const Session s = Read(slot, StatusWord(table_.index.hot(slot).status.Own()));
    if (IsForgotten(s.state())) continue;
    table_.index.ReadId(slot, &inspected_id_);
    const Details details = DetailsOf(s);
    const bool ends_with_connection = IsBeforeMqtt5(details) && details.clean_start();
    inspect({inspected_id_, s.state(), s.incarnation, ends_with_connection});
  }
  return page.last_position + 1;
}

// -- checks --------------------------------------------------------------------------------------

void SessionWriter::CheckInvariantsForTest() const {
  const SessionTable& t = table_;
  std::array<uint64_t, kSessionStateCount> by_state{};
  std::array<uint64_t, RegistryCounters::kProtocols> by_protocol{};
  std::map<uint16_t, uint64_t> by_port;
  std::map<uint32_t, uint64_t> references;
  uint64_t queued[3] = {0, 0, 0};
  uint64_t forgotten_lines = 0;
  t.index.CheckInvariantsForTest([&](Slot slot) {
    const Session s = Read(slot, StatusWord(t.index.hot(slot).status.Own()));
    const Details d = DetailsOf(s);
    ++by_state[static_cast<size_t>(s.state())];
    if (s.state() == SessionState::kOnline) {
      ++by_protocol[static_cast<size_t>(d.protocol_version())];
      ++by_port[d.listener_port()];
      CheckFor(s.word.cohort() == 0 || t.cohorts.At(s.word.cohort()) == Cohort(d),
               "a session is of another cohort");
      CheckFor(d.ended_ms() == 0 && d.ended_span() == 0, "a connection has an end");
      CheckFor(d.outlived() == 0, "a session has outlived a connection that is there");
    }
    if (d.address_is_interned()) ++references[d.address()];
    if (d.username() != 0) ++references[d.username()];
    if (IsForgotten(s.state())) forgotten_lines += NameLines(slot);
    if (IsQueued(s.state())) {
      ++queued[QueueOf(s.state())];
      const EndedLink& link = t.index.details(slot).ended;
      CheckFor(t.index.details(link.previous).ended.next == slot &&
                   t.index.details(link.next).ended.previous == slot,
               "the queue's links do not agree");
    }
    CheckFor(s.word.epoch() <= t.epochs.write_epoch(), "a change comes from the future");
  });
  for (int q = 1; q <= 2; ++q) {
    CheckFor(queued[q] == t.ended.size(static_cast<EndedList::Queue>(q)), "a queue lost sessions");
  }
  CheckFor(forgotten_lines == forgotten_lines_, "lines of the forgotten");
  const RegistryCounts c = t.counters.Read();
  for (size_t i = 1; i < by_state.size(); ++i) CheckFor(by_state[i] == c.by_state[i], "by_state");
  CheckFor(c.by_state[0] == 0, "by_state[kUnknown]");
  for (size_t i = 0; i < by_protocol.size(); ++i) {
    CheckFor(by_protocol[i] == c.online_by_protocol[i], "online_by_protocol");
  }
  uint64_t ports = 0;
  for (const ListenerCount& l : t.counters.OnlineByListener()) {
    CheckFor(by_port[l.listener_port] == l.online, "online by listener");
    ++ports;
  }
  CheckFor(ports == by_port.size(), "listeners");
  std::array<uint64_t, kSessionStateCount> in_groups{};
  for (const GroupCounts& g : t.groups.Counts()) {
    for (size_t i = 0; i < in_groups.size(); ++i) in_groups[i] += g.by_state[i];
  }
  CheckFor(in_groups == c.by_state, "groups do not add up");
  CheckFor(references.size() == t.strings.size(), "strings are lost");
  for (const auto& [number, count] : references) {
    CheckFor(t.strings.references(number) == count, "a string's references are wrong");
  }
}

}  // namespace session_status::registry
