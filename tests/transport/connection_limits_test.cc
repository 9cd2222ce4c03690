#include "plugin/transport/connection_limits.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "plugin/transport/peer.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
using Verdict = ConnectionLimits::Verdict;

PeerKey KeyOf(absl::string_view host) {
  return PeerKeyOf(ParseTcpAddress(absl::StrCat(host, ":1")).value(), {});
}

TEST(ConnectionLimitsTest, CountsInAllAndPerPeer) {
  ConnectionLimits limits(3, 2);
  const PeerKey a = KeyOf("10.0.0.1"), b = KeyOf("10.0.0.2");
  constexpr Standing kStranger = Standing::kStranger;
  PeerUse* use = nullptr;
  EXPECT_EQ(limits.Enter(a, kStranger, &use), Verdict::kAdmitted);
  const PeerUse* const use_of_a = use;
  EXPECT_EQ(limits.Enter(a, kStranger, &use), Verdict::kAdmitted);
  EXPECT_EQ(use, use_of_a);
  EXPECT_EQ(limits.Enter(a, kStranger, &use), Verdict::kPeerFull);
  EXPECT_EQ(limits.Enter(b, kStranger, &use), Verdict::kAdmitted);
  EXPECT_NE(use, use_of_a);
  EXPECT_EQ(limits.Enter(b, kStranger, &use), Verdict::kFull);
  limits.Leave(a, kStranger);
  EXPECT_EQ(limits.Enter(b, kStranger, &use), Verdict::kAdmitted);
}

// Enters until there is no room.
int Fill(ConnectionLimits* limits, Standing standing) {
  const PeerKey peer = KeyOf("10.0.0.1");
  PeerUse* use = nullptr;
  int admitted = 0;
  while (limits->Enter(peer, standing, &use) == Verdict::kAdmitted) ++admitted;
  return admitted;
}

TEST(ConnectionLimitsTest, KeepsPlacesFromStrangersAndSomeForTheUnixSocketAlone) {
  struct Case {
    int connections_max, strangers, vouched, unix_socket;
  };
  for (const Case& c : {Case{1, 1, 0, 0}, Case{7, 7, 0, 0}, Case{8, 7, 0, 1}, Case{16, 14, 1, 1},
                        Case{100, 88, 6, 6}, Case{1024, 992, 16, 16}}) {
    SCOPED_TRACE(c.connections_max);
    ConnectionLimits limits(c.connections_max, c.connections_max);
    EXPECT_EQ(Fill(&limits, Standing::kStranger), c.strangers);
    EXPECT_EQ(Fill(&limits, Standing::kVouched), c.vouched);
    EXPECT_EQ(Fill(&limits, Standing::kUnixSocket), c.unix_socket);
    limits.Leave(KeyOf("10.0.0.1"), Standing::kStranger);
    for (const Standing any : {Standing::kStranger, Standing::kVouched, Standing::kUnixSocket}) {
      EXPECT_EQ(Fill(&limits, any), 1) << "whoever it is: one of the lowest standing left";
      limits.Leave(KeyOf("10.0.0.1"), any);
    }
  }
}

TEST(ConnectionLimitsTest, AllPlacesAreForTheUnixSocketWhenNobodyElseIsThere) {
  ConnectionLimits limits(100, 100);
  EXPECT_EQ(Fill(&limits, Standing::kUnixSocket), 100);
  EXPECT_EQ(Fill(&limits, Standing::kStranger), 0);
}

TEST(ConnectionLimitsTest, AStrangerWhoRisesLeavesHisPlaceToAnother) {
  ConnectionLimits limits(100, 100);
  ASSERT_EQ(Fill(&limits, Standing::kStranger), 88);
  limits.Raise(Standing::kStranger, Standing::kVouched);
  EXPECT_EQ(Fill(&limits, Standing::kStranger), 1);
  EXPECT_EQ(Fill(&limits, Standing::kVouched), 5);
  limits.Leave(KeyOf("10.0.0.1"), Standing::kVouched);
  EXPECT_EQ(Fill(&limits, Standing::kVouched), 1);
}

TEST(ConnectionLimitsTest, CountsAnIpv6NetworkAsOnePeer) {
  EXPECT_EQ(KeyOf("[2001:db8::1]"), KeyOf("[2001:db8::ffff:1]"));
  EXPECT_FALSE(KeyOf("[2001:db8::1]") == KeyOf("[2001:db8:0:1::1]"));
  EXPECT_EQ(KeyOf("[::ffff:10.0.0.1]"), KeyOf("10.0.0.1"));
  EXPECT_FALSE(KeyOf("10.0.0.1") == KeyOf("10.0.0.2"));
}

TEST(ConnectionLimitsTest, OneTooManyFromAPeerIsToldSo) {
  ListenerOptions options;
  options.connections_per_peer_max = 2;
  TestListener listener(options);
  TestClient first(listener.tcp_address()), second(listener.tcp_address());
  ASSERT_EQ(first.Ask(kGet).status, 200);
  ASSERT_EQ(second.Ask(kGet).status, 200);
  {
    TestClient third(listener.tcp_address());
    const TestReply reply = third.Read();
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(reply.body, "too many connections from this peer");
  }
  EXPECT_EQ(TestClient(listener.unix_address()).Ask(kGet).status, 200) << "another peer";
  EXPECT_EQ(first.Ask(kGet).status, 200) << "the older ones go on";
}

TEST(ConnectionLimitsTest, TheOldestIdleConnectionMakesRoom) {
  ListenerOptions options;
  options.connections_max = 2;
  TestListener listener(options);
  TestClient oldest(listener.tcp_address()), newer(listener.tcp_address());
  ASSERT_EQ(oldest.Ask(kGet).status, 200);
  ASSERT_EQ(newer.Ask(kGet).status, 200);
  TestClient third(listener.tcp_address());
  EXPECT_EQ(third.Ask(kGet).status, 200);
  EXPECT_TRUE(oldest.AtEnd());
  EXPECT_EQ(newer.Ask(kGet).status, 200);
  EXPECT_EQ(listener->stats().evicted_connections, 1);
}

TEST(ConnectionLimitsTest, WithoutAnIdleConnectionTheNewOneIsToldSo) {
  ListenerOptions options;
  options.connections_max = 1;
  TestListener listener(options);
  TestClient busy(listener.tcp_address());
  ASSERT_TRUE(busy.Send("GET / HTTP/1.1\r\n"));
  ASSERT_TRUE(testing::WaitUntil([&] { return listener->stats().bytes_received > 0; }));
  TestClient refused(listener.tcp_address());
  const TestReply reply = refused.Read();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "too many connections");
  EXPECT_EQ(busy.Ask("Host: x\r\n\r\n").status, 200);
}

TEST(ConnectionLimitsTest, AllThreadsTogetherKeepNoMoreThanAQuarterOpenToRefuseThem) {
  ListenerOptions options;
  options.threads = 2;
  options.connections_max = 16;
  options.connections_per_peer_max = 1;
  options.linger_timeout = testing::kPatience;
  absl::Notification entered, release;
  TestListener listener(options, [&](const http::Request& request, http::Reply*) {
    if (request.path != "/hold") return;
    entered.Notify();
    release.WaitForNotificationWithTimeout(testing::kPatience);
  });
  // One of the loops is held, so that the other accepts all of these.
  TestClient holder(listener.unix_address());
  ASSERT_TRUE(holder.Send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(entered.WaitForNotificationWithTimeout(testing::kPatience));
  TestClient admitted(listener.tcp_address());
  ASSERT_EQ(admitted.Ask(kGet).status, 200);
  std::vector<TestClient> refused;
  for (int i = 0; i < 10; ++i) refused.emplace_back(listener.tcp_address());
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().refused_connections == 10; }));
  EXPECT_EQ(listener->stats().connections, 2 + 16 / 4 / 2);
  release.Notify();
  EXPECT_EQ(holder.Read().status, 200);
}

TEST(ConnectionLimitsTest, SilentNewConnectionsPushEachOtherOut) {
  ListenerOptions options;
  options.connections_awaiting_first_byte_max = 10;
  options.connections_per_peer_max = 1000;
  TestListener listener(options);
  std::vector<TestClient> silent;
  for (int i = 0; i < 100; ++i) silent.emplace_back(listener.tcp_address());
  EXPECT_EQ(TestClient(listener.tcp_address()).Ask(kGet).status, 200);
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().connections <= 10; }));
  EXPECT_TRUE(silent.front().AtEnd());
}

// Rights in a word: everything, metrics, nothing.
const char* WordFor(Access access) {
  return access == Access::kAll ? "all" : access == Access::kMetrics ? "metrics" : "none";
}

TEST(ConnectionLimitsTest, WhatAUserOfTheUnixSocketMayAskFollowsFromTheListsThatHoldHim) {
  struct Case {
    std::vector<uid_t> uids;
    std::vector<gid_t> gids;
    std::vector<uid_t> metrics_uids;
    std::vector<gid_t> metrics_gids;
    const char* want;
  };
  constexpr uid_t kHe = 1001, kOther = 1002;
  constexpr gid_t kHis = 2001, kOthers = 2002;
  for (const Case& c : {
           Case{{}, {}, {}, {}, "all"},
           Case{{kHe}, {}, {}, {}, "all"},
           Case{{kOther}, {}, {}, {}, "none"},
           Case{{}, {kHis}, {}, {}, "all"},
           Case{{}, {kOthers}, {}, {}, "none"},
           Case{{kOther}, {kHis}, {}, {}, "all"},
           Case{{kOther}, {kOthers}, {}, {}, "none"},
           // Everybody may ask everything, but for those who are listed for the metrics.
           Case{{}, {}, {kHe}, {}, "metrics"},
           Case{{}, {}, {}, {kHis}, "metrics"},
           Case{{}, {}, {kOther}, {kOthers}, "all"},
           // Let in beside those who may ask everything.
           Case{{kOther}, {}, {kHe}, {}, "metrics"},
           Case{{}, {kOthers}, {kHe}, {}, "metrics"},
           Case{{kOther}, {}, {}, {kHis}, "metrics"},
           Case{{kOther}, {}, {kOther}, {kOthers}, "none"},
           // Who is in both has all rights, by user or by group.
           Case{{kHe}, {}, {kHe}, {}, "all"},
           Case{{}, {kHis}, {kHe}, {}, "all"},
           Case{{kHe}, {}, {}, {kHis}, "all"},
           Case{{}, {kHis}, {}, {kHis}, "all"},
       }) {
    ListenerOptions options;
    options.unix_allowed_uids = c.uids;
    options.unix_allowed_gids = c.gids;
    options.unix_metrics_uids = c.metrics_uids;
    options.unix_metrics_gids = c.metrics_gids;
    http::Peer peer;
    peer.kind = http::Peer::Kind::kUnixSocket;
    peer.uid = kHe;
    peer.gid = kHis;
    SCOPED_TRACE(
        ::testing::PrintToString(std::tie(c.uids, c.gids, c.metrics_uids, c.metrics_gids)));
    EXPECT_STREQ(WordFor(AccessOfUser(-1, peer, options)), c.want);
    peer.uid = 0;
    EXPECT_STREQ(WordFor(AccessOfUser(-1, peer, options)), "all") << "root";
    peer.kind = http::Peer::Kind::kTcp;
    peer.uid = kHe;
    EXPECT_STREQ(WordFor(AccessOfUser(-1, peer, options)), "all") << "no user is known";
  }
}

TEST(ConnectionLimitsTest, OnTheUnixSocketOnlyUsersAndGroupsThatAreListedAreAnswered) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can ask as another user";
  ListenerOptions options;
  options.unix_allowed_uids = {1001};
  options.unix_allowed_gids = {2002};
  options.unix_metrics_uids = {1005};
  options.unix_metrics_gids = {2006};
  TestListener listener(options, [](const http::Request& request, http::Reply* reply) {
    reply->body = request.peer->metrics_only ? "metrics" : "all";
  });
  const std::string address = listener.unix_address();
  struct Case {
    const char* who;
    uid_t uid;
    gid_t gid;
    gid_t other_group;
    const char* want;
  };
  constexpr char kTurnedAway[] = "this user may not use the socket";
  for (const Case& c :
       {Case{"a stranger", 1003, 2003, 2004, kTurnedAway},
        Case{"a user who is allowed", 1001, 2003, 2004, "all"},
        Case{"of the allowed group", 1003, 2002, 2004, "all"},
        Case{"of the allowed group among others", 1003, 2003, 2002, "all"},
        Case{"a user for the metrics", 1005, 2003, 2004, "metrics"},
        Case{"of the group for the metrics", 1003, 2006, 2004, "metrics"},
        Case{"of that group among others", 1003, 2003, 2006, "metrics"},
        Case{"of both groups", 1003, 2002, 2006, "all"}, Case{"root", 0, 0, 0, "all"}}) {
    SCOPED_TRACE(c.who);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (::setgroups(1, &c.other_group) != 0 || ::setegid(c.gid) != 0 || ::seteuid(c.uid) != 0) {
        ::_exit(2);
      }
      ::setfsuid(0);  // he connects as himself, but finds the socket as root
      const TestReply reply = TestClient(address).Ask(kGet);
      const int status = c.want == kTurnedAway ? 403 : 200;
      ::_exit(reply.status == status && reply.body == c.want ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_NE(WEXITSTATUS(status), 2) << "this root may not become another user";
    EXPECT_EQ(WEXITSTATUS(status), 0) << "the answer is not " << c.want;
  }
  EXPECT_EQ(listener->stats().refused_connections, 1);
}

}  // namespace
}  // namespace session_status::transport
