#include "plugin/listing/lister.h"

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "plugin/listing/sessions_surface.h"
#include "tests/listing/listing_fixture.h"

namespace session_status::listing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

class ListerTest : public ::testing::Test {
 protected:
  pb::ListSessionsResponse Page(const pb::ListSessionsRequest& request) {
    pb::ListSessionsResponse reply;
    const absl::Status status = lister_.ListSessions(request, kStart, &reply);
    EXPECT_TRUE(status.ok()) << status;
    return reply;
  }
  absl::Status Refusal(const pb::ListSessionsRequest& request) {
    pb::ListSessionsResponse reply;
    return lister_.ListSessions(request, kStart, &reply);
  }
  static pb::ListSessionsRequest OfAHundred() {
    pb::ListSessionsRequest request;
    request.set_page_size(100);
    return request;
  }
  static pb::ListSessionsRequest After(const pb::ListSessionsResponse& page) {
    pb::ListSessionsRequest request;
    request.set_cursor(page.next_cursor());
    return request;
  }
  std::set<std::string> Ids(pb::ListSessionsRequest request) {
    std::set<std::string> ids;
    for (;;) {
      const auto reply = Page(request);
      for (const auto& s : reply.sessions()) EXPECT_TRUE(ids.insert(s.client_id()).second);
      if (reply.next_cursor().empty()) return ids;
      request.Clear();
      request.set_cursor(reply.next_cursor());
    }
  }
  std::string Get(absl::string_view query, int want_status = 200) {
    http::Request request;
    request.method = "GET";
    request.path = SessionsSurface::kPath;
    request.query = query;
    request.now = kStart;
    http::Reply reply;
    surface_.Handle(request, &reply);
    EXPECT_EQ(reply.status, want_status) << reply.body;
    std::string out = reply.body;
    if (reply.stream != nullptr) {
      while (reply.stream->Next(4096, &out) == http::BodyStream::Progress::kMore) {
      }
    }
    return out;
  }

  os::Poller poller_{absl::Milliseconds(1)};
  Writer writer_{poller_, {.cuts_max = 2}};
  Lister lister_{writer_.cuts, kEpoch, absl::Seconds(5)};
  SessionsSurface surface_{lister_};
};

TEST_F(ListerTest, PagesAreExactAndTogetherHoldEverySessionOnceWhileAllChanges) {
  for (int i = 0; i < 5'000; ++i) writer_.Connect(absl::StrCat("c", i));
  pb::ListSessionsRequest request;
  request.set_page_size(100);
  std::set<std::string> ids;
  for (int page = 0; page < 50; ++page) {
    const auto reply = Page(request);
    EXPECT_EQ(reply.sessions_size(), 100);
    EXPECT_EQ(reply.sequence(), 5'000u);
    EXPECT_EQ(reply.feed_epoch(), kEpoch);
    for (const auto& s : reply.sessions()) {
      EXPECT_EQ(s.state(), pb::SESSION_STATE_ONLINE) << "of the cut, not of now";
      EXPECT_TRUE(ids.insert(s.client_id()).second) << s.client_id();
    }
    request.Clear();
    request.set_cursor(reply.next_cursor());
    for (int i = 0; i < 50; ++i) {
      writer_.End(absl::StrCat("c", (page * 331 + i * 97) % 5'000));
      writer_.Connect(absl::StrCat("new", page * 50 + i));
    }
  }
  EXPECT_EQ(ids.size(), 5'000u);
  EXPECT_TRUE(request.cursor().empty() || Page(request).sessions_size() == 0);
}

TEST_F(ListerTest, ALostPageCanBeAskedForAgain) {
  for (int i = 0; i < 300; ++i) writer_.Connect(absl::StrCat("c", i));
  pb::ListSessionsRequest request;
  request.set_page_size(100);
  const auto first = Page(request);
  request.Clear();
  request.set_cursor(first.next_cursor());
  const auto second = Page(request);
  for (const auto& s : second.sessions()) writer_.End(s.client_id());
  const auto again = Page(request);
  EXPECT_EQ(again.SerializeAsString(), second.SerializeAsString());
  pb::ListSessionsRequest third;
  third.set_cursor(second.next_cursor());
  EXPECT_EQ(Page(third).sessions_size(), 100);
  EXPECT_TRUE(absl::IsFailedPrecondition(Refusal(request))) << "two pages back is spent";
}

TEST_F(ListerTest, ASessionThatChangesMeanwhileIsListedWithAllThatWasKnownOfIt) {
  for (int i = 0; i < 300; ++i) {
    registry::SessionEvent e;
    e.kind = registry::SessionEvent::Kind::kRestored;
    const std::string id = absl::StrCat("c", i);
    e.client_id = id;
    e.incarnation = ++writer_.incarnation;
    e.state = registry::SessionState::kOffline;
    e.reason = registry::EndReason::kBrokerRestart;
    e.connected_at = kStart - absl::Hours(2);
    e.ended_not_before = kStart - absl::Hours(1);
    e.time = kStart;
    writer_.Apply(e);
  }
  pb::ListSessionsRequest request;
  request.set_page_size(100);
  pb::ListSessionsResponse page = Page(request);
  for (int i = 0; i < 300; ++i) writer_.Connect(absl::StrCat("c", i));
  for (;;) {
    for (const auto& s : page.sessions()) {
      EXPECT_TRUE(s.restored());
      EXPECT_EQ(s.ended_not_before_ms(), absl::ToUnixMillis(kStart - absl::Hours(1)));
      EXPECT_EQ(s.ended_not_after_ms(), absl::ToUnixMillis(kStart));
    }
    if (page.next_cursor().empty()) break;
    request.Clear();
    request.set_cursor(page.next_cursor());
    page = Page(request);
  }
}

// Small pages: they begin at a session's own place in the table, not at the edge of what is read at
// once.
TEST_F(ListerTest, EveryPageIsTheSameWhenItIsAskedForAgainThoughAllSessionsChanged) {
  for (int i = 0; i < 300; ++i) writer_.Connect(absl::StrCat("c", i));
  pb::ListSessionsRequest request;
  request.set_page_size(7);
  pb::ListSessionsResponse page = Page(request);
  for (int i = 0; i < 300; ++i) writer_.End(absl::StrCat("c", i));
  int sessions = page.sessions_size();
  while (!page.next_cursor().empty()) {
    request.Clear();
    request.set_cursor(page.next_cursor());
    page = Page(request);
    EXPECT_EQ(Page(request).SerializeAsString(), page.SerializeAsString()) << sessions;
    for (const auto& s : page.sessions()) EXPECT_EQ(s.state(), pb::SESSION_STATE_ONLINE);
    sessions += page.sessions_size();
  }
  EXPECT_EQ(sessions, 300);
}

TEST_F(ListerTest, BadRequestsAreRefusedWithAReason) {
  pb::ListSessionsRequest request;
  request.set_cursor("nonsense");
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("not one of ours"));
  request.set_cursor("1.5.1.1");
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("before the broker's last start"));
  request.set_cursor(absl::StrCat("1.", kEpoch, ".77.1"));
  EXPECT_TRUE(absl::IsAborted(Refusal(request)));
  request.set_group("g");
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("send the cursor alone"));
  request.Clear();
  request.set_close_cursor(true);
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("no cursor to close"));
  request.Clear();
  request.set_page_size(10'001);
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("pageSize"));
  request.Clear();
  request.set_address("10.0.0.0/33");
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("address must be"));
  request.Clear();
  request.add_states(pb::SESSION_STATE_UNKNOWN);
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("SESSION_STATE_UNKNOWN"));
  request.Clear();
  request.set_connected_from_ms(10);
  request.set_connected_until_ms(5);
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("connectedFromMs is later than"));
  request.Clear();
  request.set_disconnected_from_ms(10);
  request.set_disconnected_until_ms(5);
  EXPECT_THAT(std::string(Refusal(request).message()),
              HasSubstr("disconnectedFromMs is later than"));
  request.set_disconnected_until_ms(10);
  EXPECT_TRUE(Refusal(request).ok()) << "an instant is a range";
  request.Clear();
  request.add_fields("clientid");
  EXPECT_THAT(std::string(Refusal(request).message()), HasSubstr("there are clientId, online"));
}

TEST_F(ListerTest, AnAbandonedListingIsGivenUpAndItsCursorSaysSo) {
  for (int i = 0; i < 300; ++i) writer_.Connect(absl::StrCat("c", i));
  const auto abandoned = Page(OfAHundred());
  poller_.PollOnce(absl::Seconds(0));
  poller_.PollOnce(absl::Seconds(61));
  EXPECT_TRUE(absl::IsAborted(Refusal(After(abandoned))));
  Page(OfAHundred());
  Page(OfAHundred());
  EXPECT_TRUE(absl::IsResourceExhausted(Refusal(OfAHundred())));
}

TEST_F(ListerTest, TheListingThatNobodyReadForLongestGivesWayToANewOneAndNoneThatIsRead) {
  for (int i = 0; i < 500; ++i) writer_.Connect(absl::StrCat("c", i));
  auto read = Page(OfAHundred());
  const auto left = Page(OfAHundred());
  poller_.PollOnce(absl::Seconds(10));
  poller_.PollOnce(absl::Seconds(11));
  read = Page(After(read));
  poller_.PollOnce(absl::Seconds(12));
  EXPECT_TRUE(absl::IsResourceExhausted(Refusal(OfAHundred()))) << "both may go on any moment";
  poller_.PollOnce(absl::Seconds(13));
  const auto newer = Page(OfAHundred());
  EXPECT_THAT(std::string(Refusal(After(left)).message()), HasSubstr("made room for another"));
  EXPECT_EQ(Page(After(read)).sessions_size(), 100);
  EXPECT_EQ(Page(After(newer)).sessions_size(), 100);
}

TEST_F(ListerTest, AStreamTakesThePlaceOfAListingThatNobodyReads) {
  for (int i = 0; i < 300; ++i) writer_.Connect(absl::StrCat("c", i));
  Page(OfAHundred());
  Page(OfAHundred());
  poller_.PollOnce(absl::Seconds(10));
  EXPECT_THAT(Get("", 429), HasSubstr("2 listings are being read"));
  poller_.PollOnce(absl::Seconds(13));
  const std::string body = Get("fields=clientId");
  EXPECT_EQ(std::count(body.begin(), body.end(), '\n'), 300);
}

TEST_F(ListerTest, AClosedCursorMakesRoomAtOnceAndLeadsNowhere) {
  for (int i = 0; i < 300; ++i) writer_.Connect(absl::StrCat("c", i));
  for (int i = 0; i < 20; ++i) {
    const auto page = Page(OfAHundred());
    pb::ListSessionsRequest close = After(page);
    close.set_close_cursor(true);
    const auto closed = Page(close);
    EXPECT_EQ(closed.sessions_size(), 0);
    EXPECT_EQ(closed.next_cursor(), "");
    EXPECT_EQ(writer_.cuts.open(), 0);
    EXPECT_TRUE(absl::IsAborted(Refusal(After(page))));
    Page(close);  // of no harm
  }
}

TEST_F(ListerTest, FiltersByEverythingThatIsKnown) {
  writer_.Connect("g@@@1", "10.1.0.1");
  writer_.Connect("g@@@2", "10.2.0.1");
  writer_.Connect("other", "2001:db8::7");
  writer_.End("g@@@2", /*kept=*/true);
  pb::ListSessionsRequest r;
  const auto with = [&](auto set) {
    r.Clear();
    set();
    return Ids(r);
  };
  EXPECT_THAT(with([&] { r.add_states(pb::SESSION_STATE_ONLINE); }),
              UnorderedElementsAre("g@@@1", "other"));
  EXPECT_THAT(with([&] { r.set_client_id_prefix("g@"); }), UnorderedElementsAre("g@@@1", "g@@@2"));
  EXPECT_THAT(with([&] { r.set_group("g"); }), UnorderedElementsAre("g@@@1", "g@@@2"));
  EXPECT_THAT(with([&] { r.set_address("10.1.0.0/16"); }), ElementsAre("g@@@1"));
  EXPECT_THAT(with([&] { r.set_address("0.0.0.0/0"); }), UnorderedElementsAre("g@@@1", "g@@@2"));
  EXPECT_THAT(with([&] { r.set_address("2001:db8::/32"); }), ElementsAre("other"));
  EXPECT_THAT(with([&] { r.set_address("10.1.0.1"); }), ElementsAre("g@@@1"));
  EXPECT_THAT(with([&] { r.set_protocol_version("3.1.1"); }), ElementsAre());
  EXPECT_THAT(with([&] { r.set_listener_port(1883); }).size(), 3u);
  EXPECT_THAT(with([&] { r.add_end_reasons(pb::END_REASON_NETWORK_ERROR); }), ElementsAre("g@@@2"));
  const int64_t second = absl::ToUnixMillis(kStart) + 2;
  EXPECT_THAT(with([&] { r.set_connected_from_ms(second); }),
              UnorderedElementsAre("g@@@2", "other"));
  EXPECT_THAT(with([&] { r.set_connected_until_ms(second); }), ElementsAre("g@@@1"));
  EXPECT_THAT(with([&] { r.set_disconnected_from_ms(0); }), ElementsAre("g@@@2"));
}

TEST_F(ListerTest, StreamsJsonLinesWithTheChosenFields) {
  writer_.Connect("a");
  EXPECT_EQ(Get("fields=clientId,state,address"),
            "{\"clientId\":\"a\",\"state\":\"SESSION_STATE_ONLINE\",\"address\":\"10.0.0.7\"}\n");
}

TEST_F(ListerTest, ValuesOfARepeatedListAddUp) {
  writer_.Connect("here");
  writer_.Connect("gone");
  writer_.End("gone");
  EXPECT_EQ(Get("state=offline&state=online&fields=clientId&fields=listenerPort").size(),
            2 * std::string("{\"clientId\":\"here\",\"listenerPort\":1883}\n").size());
}

TEST_F(ListerTest, StreamsCsvThatNoSpreadsheetExecutes) {
  writer_.Connect("=cmd,\"x\"");
  EXPECT_EQ(Get("format=csv&fields=clientId,state,connectedAtMs,username"),
            "clientId,state,connectedAt,username\r\n"
            "\"'=cmd,\"\"x\"\"\",online,2023-11-14T22:13:20.001Z,alice\r\n");
}

TEST_F(ListerTest, ACsvCellLosesOneApostropheAndIsWhatItWas) {
  const std::vector<std::string> ids = {"+4915112345", "-sensor", "@home", "=1+1",  "\tx", "'",
                                        "'-sensor",    "''",      "#x",    "plain", "a'b"};
  for (const std::string& id : ids) writer_.Connect(id);
  std::vector<std::string> cells =
      absl::StrSplit(Get("format=csv&fields=clientId"), "\r\n", absl::SkipEmpty());
  cells.erase(cells.begin());  // the heading
  for (std::string& cell : cells) {
    if (cell[0] == '"') cell = cell.substr(1, cell.size() - 2);
    if (cell[0] == '\'') cell.erase(0, 1);
  }
  EXPECT_THAT(cells, UnorderedElementsAreArray(ids));
}

// "address=$NET" of a script in which NET is not set.
TEST_F(ListerTest, AnEmptyFilterIsRefusedAndNotTakenForNone) {
  writer_.Connect("a");
  for (const char* name : {"state", "reason", "group", "address", "protocol"}) {
    EXPECT_THAT(Get(absl::StrCat(name, "="), 400),
                HasSubstr(absl::StrCat(name, " is empty; leave it out to list all")));
  }
  EXPECT_THAT(Get("state=,", 400), HasSubstr("state is empty"));
  EXPECT_THAT(Get("state=&state=online", 400), HasSubstr("state is empty"));
  EXPECT_THAT(Get("listener=", 400), HasSubstr("a port number"));
  EXPECT_THAT(Get("listener=0", 400), HasSubstr("a port number"));
  EXPECT_EQ(Get("prefix=&fields=clientId"), "{\"clientId\":\"a\"}\n") << "every one begins so";
}

TEST_F(ListerTest, AStreamHoldsEverySessionOnce) {
  for (int i = 0; i < 20'000; ++i) writer_.Connect(absl::StrCat("c", i));
  const std::string body = Get("fields=clientId");
  EXPECT_EQ(std::count(body.begin(), body.end(), '\n'), 20'000);
  EXPECT_EQ(writer_.cuts.open(), 0);
}

TEST_F(ListerTest, UnknownParametersAndNamesAreRefused) {
  EXPECT_THAT(
      Get("stat=online", 400),
      HasSubstr("unknown parameter; there are format, fields, state, reason, prefix, group, "
                "address, protocol, listener, connected_from, connected_until, "
                "disconnected_from, disconnected_until"));
  EXPECT_THAT(Get("state=onlin", 400),
              HasSubstr("state: a name in the list does not exist; there are online, "));
  EXPECT_THAT(Get("state=unknown", 400), HasSubstr("there are online, "));
  EXPECT_THAT(Get("format=xml", 400), HasSubstr("jsonl or csv"));
  EXPECT_THAT(Get("prefix=a&prefix=zz", 400),
              HasSubstr("parameter 2, \\\"prefix\\\": is given twice"));
  EXPECT_THAT(Get("group=%ff", 400), HasSubstr("parameter 1, \\\"group\\\": is not UTF-8"));
  EXPECT_THAT(Get("connected_from=yesterday", 400), HasSubstr("connected_from must be"));
}

}  // namespace
}  // namespace session_status::listing
