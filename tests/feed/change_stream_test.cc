#include "plugin/feed/change_stream.h"

#include <gmock/gmock.h>

#include <new>

#include "plugin/feed/changes_surface.h"
#include "tests/feed/feed_fixture.h"

namespace session_status::feed {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;
using Progress = http::BodyStream::Progress;

class ChangeStreamTest : public FeedTest {
 protected:
  http::Request Get(absl::string_view query) {
    http::Request r;
    r.method = "GET";
    r.path = SseSurface::kPath;
    r.query = query;
    return r;
  }
  // An envelope around `message`.
  static std::string Envelope(absl::string_view message) {
    std::string out(5, '\0');
    out[3] = static_cast<char>(message.size() >> 8);
    out[4] = static_cast<char>(message.size());
    return out.append(message.data(), message.size());
  }
  http::Reply Watch(const std::string& body, absl::string_view type = "application/connect+json") {
    const http::Header headers[] = {{"Content-Type", type}};
    http::Request r;
    r.method = "POST";
    r.path = WatchSurface::kPath;
    r.headers = headers;
    r.body = body;
    http::Reply reply;
    watch_.Handle(r, &reply);
    return reply;
  }
  std::string Pull(http::Reply* reply, Progress want = Progress::kWaiting) {
    std::string out;
    Progress progress;
    while ((progress = reply->stream->Next(1000, &out)) == Progress::kMore) {
    }
    EXPECT_EQ(progress, want);
    return out;
  }

  SseSurface sse_{feed_};
  WatchSurface watch_{feed_, "site-a"};
};

TEST_F(ChangeStreamTest, ServerSentEventsCarryNameIdAndJson) {
  http::Reply reply;
  sse_.Handle(Get(""), &reply);
  ASSERT_NE(reply.stream, nullptr) << reply.body;
  EXPECT_EQ(reply.content_type, "text/event-stream");
  EXPECT_EQ(Pull(&reply),
            "event: started\nid: 1699999999000-0\ndata: {\"feedEpoch\":\"1699999999000\","
            "\"heartbeatMs\":15000}\n\n");
  Connect("a");
  EXPECT_EQ(Pull(&reply),
            "event: change\nid: 1699999999000-1\ndata: {\"sequence\":\"1\",\"kind\":"
            "\"CHANGE_KIND_ONLINE\",\"clientId\":\"a\",\"state\":\"SESSION_STATE_ONLINE\","
            "\"incarnation\":\"1\",\"timeMs\":\"1700000000001\",\"address\":\"10.0.0.7\","
            "\"listenerPort\":1883,\"protocolVersion\":\"MQTT 5\",\"transport\":"
            "\"TRANSPORT_MQTT\"}\n\n");
}

TEST_F(ChangeStreamTest, TheFeedKnowsHowFarTheSlowestFollowerIsBehind) {
  http::Reply slow, quick;
  for (http::Reply* reply : {&slow, &quick}) {
    sse_.Handle(Get(""), reply);
    reply->stream->Start([] {});
    Pull(reply);
  }
  for (const char* id : {"a", "b", "c"}) Connect(id);
  Pull(&quick);
  poller_.PollOnce(absl::Seconds(1));
  poller_.PollOnce(absl::Seconds(2));
  EXPECT_EQ(feed_.lag().changes(), 3u);
  Pull(&slow);
  poller_.PollOnce(absl::Seconds(3));
  poller_.PollOnce(absl::Seconds(4));
  EXPECT_EQ(feed_.lag().changes(), 0u);
}

TEST_F(ChangeStreamTest, TheLastEventIdWinsOverTheUrl) {
  for (const char* id : {"a", "b", "c"}) Connect(id);
  const http::Header headers[] = {{"Last-Event-ID", "1699999999000-2"}};
  http::Request request = Get("after=0");
  request.headers = headers;
  http::Reply reply;
  sse_.Handle(request, &reply);
  ASSERT_NE(reply.stream, nullptr);
  const std::string body = Pull(&reply);
  EXPECT_THAT(body, StartsWith("event: started\nid: 1699999999000-2\n"));
  EXPECT_THAT(body, HasSubstr("\"clientId\":\"c\""));
  EXPECT_EQ(body.find("\"clientId\":\"b\""), std::string::npos);
}

TEST_F(ChangeStreamTest, AFollowerWhoComesBackAfterARestartIsToldThatItMissedChanges) {
  for (const char* id : {"a", "b", "c"}) Connect(id);
  constexpr char kOfEarlierLife[] = "1699999998000-2";
  const http::Header headers[] = {{"Last-Event-ID", kOfEarlierLife}};
  http::Request by_url = Get("after=1699999998000-2");
  http::Request by_header = Get("");
  by_header.headers = headers;
  for (const http::Request& request : {by_url, by_header}) {
    SCOPED_TRACE(request.query);
    http::Reply reply;
    sse_.Handle(request, &reply);
    ASSERT_NE(reply.stream, nullptr) << reply.body;
    const std::string body = Pull(&reply);
    EXPECT_THAT(body, StartsWith("event: gap\ndata: {"));
    EXPECT_THAT(body, HasSubstr("event: started\nid: 1699999999000-3\n"));
    EXPECT_THAT(body, Not(HasSubstr("event: change"))) << "nobody knows what came after that id";
  }
}

// A browser comes back with the last id that it read. One of the gap would leave out the states.
TEST_F(ChangeStreamTest, WhoBreaksOffAmongTheStatesAfterAGapIsToldTheGapAgain) {
  for (const char* id : {"a", "b", "c"}) Connect(id);
  const http::Header headers[] = {{"Last-Event-ID", "1699999998000-2"}};
  http::Request request = Get("id=a&id=b");
  request.headers = headers;
  http::Reply reply;
  sse_.Handle(request, &reply);
  ASSERT_NE(reply.stream, nullptr) << reply.body;
  const std::string body = Pull(&reply);
  EXPECT_THAT(body, StartsWith("event: gap\n"));
  const size_t started = body.find("event: started\n");
  EXPECT_EQ(body.find("\nid: "), body.find("\nid: ", started)) << body;
  EXPECT_THAT(body.substr(0, started), HasSubstr("\"clientId\":\"b\""));
}

TEST_F(ChangeStreamTest, AWatchSetThatGoesOnByItsLastEventIdIsToldEveryChange) {
  Connect("a");
  End("a");
  Connect("a");
  const http::Header headers[] = {{"Last-Event-ID", "1699999999000-1"}};
  http::Request request = Get("id=a");
  request.headers = headers;
  http::Reply reply;
  sse_.Handle(request, &reply);
  ASSERT_NE(reply.stream, nullptr) << reply.body;
  const std::string body = Pull(&reply);
  EXPECT_THAT(body, StartsWith("event: started\nid: 1699999999000-1\n"));
  EXPECT_THAT(body, HasSubstr("event: change\nid: 1699999999000-2\n"));
  EXPECT_THAT(body, HasSubstr("event: change\nid: 1699999999000-3\n"));
}

TEST_F(ChangeStreamTest, BadParametersAreRefusedWithAReason) {
  struct Case {
    const char* query;
    const char* want;
  };
  for (const Case& c :
       {Case{"after=x", "after must be a sequence number"},
        Case{"kind=gone",
             "kind must be one of online, offline, session_kept, session_gone, repaired"},
        Case{"prefx=a", "unknown parameter; there are after, id, prefix, group, kind"},
        Case{"id=", "1 to 65535 bytes"}, Case{"id=%ff", "parameter 1, \\\"id\\\": is not UTF-8"},
        Case{"prefix=a&id=x&prefix=zz", "parameter 3, \\\"prefix\\\": is given twice"},
        Case{"after=1&after=2", "is given twice"}}) {
    SCOPED_TRACE(c.query);
    http::Reply reply;
    sse_.Handle(Get(c.query), &reply);
    EXPECT_EQ(reply.status, 400);
    EXPECT_THAT(reply.body, HasSubstr(c.want));
    EXPECT_EQ(reply.stream, nullptr);
  }
}

TEST_F(ChangeStreamTest, AFormMayCarryALongWatchSet) {
  Connect("b");
  const http::Header headers[] = {{"Content-Type", "application/x-www-form-urlencoded"}};
  http::Request request = Get("");
  request.method = "POST";
  request.headers = headers;
  request.body = "id=a&id=b";
  http::Reply reply;
  sse_.Handle(request, &reply);
  ASSERT_NE(reply.stream, nullptr) << reply.body;
  const std::string body = Pull(&reply);
  EXPECT_THAT(body, StartsWith("event: state\ndata: {\"sequence\":\"1\",\"clientId\":\"a\"}\n\n"));
  EXPECT_THAT(body, HasSubstr("\"clientId\":\"b\",\"state\":\"SESSION_STATE_ONLINE\""));
}

TEST_F(ChangeStreamTest, ThePollerWakesAWaitingFollowerOnceThereIsSomething) {
  http::Reply reply;
  sse_.Handle(Get(""), &reply);
  int woken = 0;
  reply.stream->Start([&] { ++woken; });
  Pull(&reply);
  poller_.PollOnce(absl::Seconds(1));
  EXPECT_EQ(woken, 0);
  Connect("a");
  poller_.PollOnce(absl::Seconds(1.1));
  EXPECT_EQ(woken, 1);
  poller_.PollOnce(absl::Seconds(1.2));
  EXPECT_EQ(woken, 1) << "it is awake already";
  Pull(&reply);
  Connect("b");
  poller_.PollOnce(absl::Seconds(1.3));
  EXPECT_EQ(woken, 2);
}

TEST_F(ChangeStreamTest, AFollowerThatCouldNotBeWokenForLackOfMemoryIsWokenInTheNextRound) {
  http::Reply reply;
  sse_.Handle(Get(""), &reply);
  int woken = 0;
  bool memory = false;
  reply.stream->Start([&] {
    if (!memory) throw std::bad_alloc();
    ++woken;
  });
  Pull(&reply);
  struct : os::Poller::Member {
    void Poll(absl::Duration) override { ++turns; }
    int turns = 0;
  } next;
  poller_.Add(&next);
  poller_.PollOnce(absl::Seconds(0));
  Connect("a");
  poller_.PollOnce(absl::Seconds(1));
  EXPECT_EQ(woken, 0);
  EXPECT_EQ(next.turns, 2) << "its neighbour misses nothing";
  memory = true;
  poller_.PollOnce(absl::Seconds(2));
  EXPECT_EQ(woken, 1);
  EXPECT_THAT(Pull(&reply), HasSubstr("\"clientId\":\"a\""));
  poller_.PollOnce(absl::Seconds(3));
  memory = false;
  poller_.PollOnce(absl::Seconds(30));
  EXPECT_EQ(woken, 1);
  memory = true;
  poller_.PollOnce(absl::Seconds(31));
  poller_.Remove(&next);
  EXPECT_EQ(woken, 2);
  EXPECT_THAT(Pull(&reply), StartsWith(": heartbeat"));
}

// A follower whose filter wants nothing must still learn how far it has come.
TEST_F(ChangeStreamTest, AHeartbeatMovesTheIdOfAQuietFollower) {
  http::Reply reply;
  sse_.Handle(Get("prefix=x"), &reply);
  int woken = 0;
  reply.stream->Start([&] { ++woken; });
  Pull(&reply);
  poller_.PollOnce(absl::Seconds(0));
  Connect("a");
  Connect("b");
  poller_.PollOnce(absl::Seconds(14));
  EXPECT_EQ(Pull(&reply), "");
  poller_.PollOnce(absl::Seconds(15));
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(Pull(&reply), ": heartbeat\nid: 1699999999000-2\n\n");
  poller_.PollOnce(absl::Seconds(16));
  EXPECT_EQ(woken, 2);
}

TEST_F(ChangeStreamTest, MemoryStaysBoundedWhateverIsWaiting) {
  http::Reply reply;
  sse_.Handle(Get("after=0"), &reply);
  for (int i = 0; i < 5'000; ++i) Connect(absl::StrCat("client-", i));
  std::string out;
  EXPECT_EQ(reply.stream->Next(1000, &out), Progress::kMore);
  EXPECT_LT(out.size(), 1500u);
}

TEST_F(ChangeStreamTest, OneFollowerTooManyIsRefused) {
  ChangeFeed small(registry_, poller_, {.buffer_bytes = 1, .followers_max = 2}, kEpoch);
  SseSurface surface(small);
  std::vector<http::Reply> replies(3);
  for (http::Reply& reply : replies) surface.Handle(Get(""), &reply);
  EXPECT_NE(replies[1].stream, nullptr);
  EXPECT_EQ(replies[2].status, 429);
  replies[0].stream.reset();
  http::Reply again;
  surface.Handle(Get(""), &again);
  EXPECT_NE(again.stream, nullptr);
}

TEST_F(ChangeStreamTest, AConnectStreamSpeaksEnvelopes) {
  Connect("a");
  http::Reply reply = Watch(Envelope("{\"afterSequence\":\"0\",\"clientIdPrefix\":\"a\"}"));
  ASSERT_NE(reply.stream, nullptr) << reply.body;
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "application/connect+json");
  const std::string body = Pull(&reply);
  const std::string first = "{\"started\":{\"feedEpoch\":\"1699999999000\",\"heartbeatMs\":15000}}";
  ASSERT_EQ(body.substr(0, 5 + first.size()), Envelope(first));
  EXPECT_THAT(body.substr(10 + first.size()),
              StartsWith("{\"change\":{\"sequence\":\"1\",\"kind\":\"CHANGE_KIND_ONLINE\""));
}

// By default nginx collects what it passes on, and a quiet stream would show nothing for minutes.
TEST_F(ChangeStreamTest, BothStreamsTellProxiesNotToCollectThem) {
  http::Reply events;
  sse_.Handle(Get(""), &events);
  const http::Reply json = Watch(Envelope("{}"));
  const http::Reply proto = Watch(Envelope(""), "application/connect+proto");
  for (const http::Reply* reply :
       std::initializer_list<const http::Reply*>{&events, &json, &proto}) {
    EXPECT_NE(reply->stream, nullptr) << reply->body;
    EXPECT_THAT(reply->headers,
                IsSupersetOf({Pair("Cache-Control", "no-store"), Pair("X-Accel-Buffering", "no")}))
        << reply->content_type;
  }
}

TEST_F(ChangeStreamTest, AConnectStreamSpeaksProtobuf) {
  Connect("a");
  pb::WatchSessionsRequest request;
  request.add_client_ids("a");
  http::Reply reply = Watch(Envelope(request.SerializeAsString()), "application/connect+proto");
  ASSERT_NE(reply.stream, nullptr) << reply.body;
  const std::string body = Pull(&reply);
  pb::WatchSessionsResponse message;
  ASSERT_TRUE(message.ParseFromString(body.substr(5, static_cast<size_t>(body[4]))));
  EXPECT_EQ(message.state().client_id(), "a");
  EXPECT_EQ(message.state().state(), pb::SESSION_STATE_ONLINE);
  const size_t second = 5 + static_cast<size_t>(body[4]);
  ASSERT_TRUE(
      message.ParseFromString(body.substr(second + 5, static_cast<size_t>(body[second + 4]))));
  EXPECT_EQ(message.started().sequence(), 1u);
  EXPECT_EQ(message.started().heartbeat_ms(), 15'000u);
}

TEST_F(ChangeStreamTest, ErrorsOfAConnectStreamStandInItsEnd) {
  struct Case {
    std::string body;
    const char* want;
  };
  for (const Case& c : {Case{"", "ends within the first 5 bytes"},
                        Case{std::string("\0\0\0\0\5{}", 7), "announces 5 bytes, 2 follow"},
                        Case{std::string("\1\0\0\0\2{}", 7), "\"code\":\"unimplemented\""},
                        Case{Envelope("{"), "\"code\":\"invalid_argument\""},
                        Case{Envelope("{\"instanceId\":\"site-b\"}"), "\"code\":\"not_found\""}}) {
    const http::Reply reply = Watch(c.body);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.stream, nullptr);
    ASSERT_GT(reply.body.size(), 5u);
    EXPECT_EQ(reply.body[0], 2) << "the end-of-stream flag";
    EXPECT_THAT(reply.body.substr(5), StartsWith("{\"error\":{"));
    EXPECT_THAT(reply.body, HasSubstr(c.want));
  }
  EXPECT_EQ(Watch("{}", "application/json").status, 415);
}

TEST_F(ChangeStreamTest, TheCallsTimeLimitEndsTheStream) {
  auto stream = ChangeStream::Make(feed_, {}, std::make_unique<ConnectEncoder>(feed_, true),
                                   absl::Seconds(2));
  ASSERT_TRUE(stream.ok());
  int woken = 0;
  (*stream)->Start([&] { ++woken; });
  std::string out;
  EXPECT_EQ((*stream)->Next(1000, &out), Progress::kWaiting);
  poller_.PollOnce(absl::Seconds(5));
  poller_.PollOnce(absl::Seconds(7));
  EXPECT_EQ(woken, 1);
  EXPECT_EQ((*stream)->Next(1000, &out), Progress::kDone);
  EXPECT_THAT(out, HasSubstr("deadline_exceeded"));
}

}  // namespace
}  // namespace session_status::feed
