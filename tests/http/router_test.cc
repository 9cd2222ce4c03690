#include "plugin/http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace session_status::http {
namespace {

class NamedSurface : public Handler {
 public:
  explicit NamedSurface(std::string name) : name_(std::move(name)) {}
  void Handle(const Request&, Reply* reply) override { reply->body = name_; }
  void HandleRefused(const Request&, int status, absl::string_view, Reply* reply) override {
    reply->status = status;
    reply->body = name_ + " refused";
  }

 private:
  const std::string name_;
};

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    router_.Add(Router::Match::kExact, "/metrics", &metrics_);
    router_.Add(Router::Match::kPrefix, "/service/", &service_);
    router_.Add(Router::Match::kPrefix, "/", &rest_, Router::Audience::kAnyone);
  }
  std::string BodyFor(absl::string_view path) {
    Request request;
    request.path = path;
    request.peer = &peer_;
    Reply reply;
    router_.Handle(request, &reply);
    return reply.body;
  }
  Peer peer_ = [] {
    Peer peer;
    peer.kind = Peer::Kind::kUnixSocket;
    return peer;
  }();
  NamedSurface metrics_{"metrics"};
  NamedSurface service_{"service"};
  NamedSurface rest_{"rest"};
  Router router_;
};

TEST_F(RouterTest, TheFirstMatchingRowAnswers) {
  EXPECT_EQ(BodyFor("/metrics"), "metrics");
  EXPECT_EQ(BodyFor("/metrics/more"), "rest");
  EXPECT_EQ(BodyFor("/service/Method"), "service");
  EXPECT_EQ(BodyFor("/"), "rest");
}

TEST_F(RouterTest, AStrangerGetsOnlyWhatIsForAnyone) {
  peer_ = Peer();
  EXPECT_EQ(BodyFor("/"), "rest");
  EXPECT_EQ(BodyFor("/metrics"), "metrics refused");
  EXPECT_EQ(BodyFor("/service/Method"), "service refused");
}

TEST_F(RouterTest, ARefusalTakesTheShapeOfTheSurfaceThatWasAsked) {
  Request request;
  request.path = "/service/Method";
  Reply reply;
  router_.HandleRefused(request, 413, "too long", &reply);
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, "service refused");
}

TEST_F(RouterTest, ARequestLineThatNobodyCouldReadIsRefusedAsTheRootDoes) {
  Reply reply;
  router_.HandleRefused(Request(), 414, "too long", &reply);
  EXPECT_EQ(reply.status, 414);
  EXPECT_EQ(reply.body, "rest refused");
}

TEST(EmptyRouterTest, APathThatNobodyServesGetsATypedError) {
  Router router;
  Request request;
  request.path = "/nowhere";
  Reply reply;
  router.Handle(request, &reply);
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.body, ::testing::HasSubstr("\"not_found\""));
  reply.Clear();
  router.HandleRefused(Request(), 400, "bad request line", &reply);
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, ::testing::HasSubstr("bad request line"));
}

}  // namespace
}  // namespace session_status::http
