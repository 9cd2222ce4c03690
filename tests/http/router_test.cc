#include "plugin/http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "plugin/http/error_body.h"

namespace session_status::http {
namespace {

class NamedSurface : public Handler {
 public:
  explicit NamedSurface(std::string name) : name_(std::move(name)) {}
  void Handle(const Request&, Reply* reply) override { reply->body = name_; }
  void HandleRefused(const Request&, int status, absl::string_view message, Reply* reply) override {
    reply->status = status;
    reply->body = name_ + " refused";
    said_ = std::string(message);
  }
  const std::string& said() const { return said_; }

 private:
  const std::string name_;
  std::string said_;  // by the last refusal
};

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    router_.Add(Router::Match::kExact, "/metrics", &metrics_, Router::Audience::kObservers);
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

TEST_F(RouterTest, AnObserverGetsWhatIsForObserversAndForAnyoneAndIsToldWhyNoMore) {
  peer_.metrics_only = true;
  EXPECT_EQ(BodyFor("/metrics"), "metrics");
  EXPECT_EQ(BodyFor("/"), "rest");
  EXPECT_EQ(BodyFor("/service/Method"), "service refused");
  EXPECT_THAT(service_.said(), ::testing::HasSubstr("may read only /metrics"));
  peer_ = Peer();
  EXPECT_EQ(BodyFor("/service/Method"), "service refused");
  EXPECT_THAT(service_.said(), ::testing::HasSubstr("only for the Unix socket"));
}

TEST_F(RouterTest, ARouteThatNamesNoAudienceIsForTheTrustedAlone) {
  ASSERT_EQ(router_.routes().size(), 3u);
  EXPECT_EQ(router_.routes()[1].audience, Router::Audience::kTrusted);
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

// Serves one path by GET, and says of all else that it does not.
class ParticularSurface : public NamedSurface {
 public:
  using NamedSurface::NamedSurface;
  void Handle(const Request& request, Reply* reply) override {
    reply->headers.emplace_back("Allow", "GET");
    if (request.method != "GET") {
      return SetNotServed(405, absl::StatusCode::kUnimplemented, "use GET", reply);
    }
    if (request.path == "/ui/gone") {
      return SetError(404, absl::StatusCode::kNotFound, "there was something", reply);
    }
    NamedSurface::Handle(request, reply);
  }
};

class RouterWithFallbackTest : public ::testing::Test {
 protected:
  RouterWithFallbackTest() {
    router_.Add(Router::Match::kExact, "/metrics", &metrics_);
    router_.Add(Router::Match::kPrefix, "/ui/", &page_, Router::Audience::kAnyone);
    router_.SetFallback([](const Request& request) { return request.query == "Action=x"; },
                        &fallback_);
    peer_.kind = Peer::Kind::kUnixSocket;
  }
  Reply ReplyTo(absl::string_view method, absl::string_view path, absl::string_view query) {
    Request request;
    request.method = method;
    request.path = path;
    request.query = query;
    request.peer = &peer_;
    Reply reply;
    router_.Handle(request, &reply);
    return reply;
  }
  Peer peer_;
  ParticularSurface metrics_{"metrics"};
  ParticularSurface page_{"page"};
  NamedSurface fallback_{"fallback"};
  Router router_;
};

TEST_F(RouterWithFallbackTest, WhatItClaimsAndNobodyServesIsAnsweredByIt) {
  for (const auto& [method, path] :
       {std::pair("GET", "/nowhere"), {"POST", "/metrics"}, {"POST", "/ui/x"}}) {
    SCOPED_TRACE(path);
    const Reply reply = ReplyTo(method, path, "Action=x");
    EXPECT_EQ(reply.body, "fallback");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.headers.size(), 0u) << "nothing of the refusal is left";
  }
  peer_ = Peer();
  EXPECT_EQ(ReplyTo("GET", "/metrics", "Action=x").body, "fallback") << "not for strangers";
}

TEST_F(RouterWithFallbackTest, WhatIsServedOrNotItsOwnStaysWhereItIs) {
  EXPECT_EQ(ReplyTo("GET", "/metrics", "Action=x").body, "metrics");
  EXPECT_EQ(ReplyTo("GET", "/ui/x", "Action=x").body, "page");
  EXPECT_EQ(ReplyTo("GET", "/ui/gone", "Action=x").status, 404) << "the surface's answer";
  EXPECT_EQ(ReplyTo("GET", "/nowhere", "").status, 404);
  EXPECT_EQ(ReplyTo("POST", "/metrics", "").status, 405);
  peer_ = Peer();
  EXPECT_EQ(ReplyTo("GET", "/metrics", "").body, "metrics refused");
}

TEST_F(RouterWithFallbackTest, RefusalsOfTheListenerTakeItsShape) {
  Request request;
  request.path = "/metrics";
  Reply reply;
  router_.HandleRefused(request, 413, "too long", &reply);
  EXPECT_EQ(reply.body, "metrics refused");
  for (const char* path : {"/metrics", "/nowhere"}) {
    request.path = path;
    request.query = "Action=x";
    reply.Clear();
    router_.HandleRefused(request, 413, "too long", &reply);
    EXPECT_EQ(reply.body, "fallback refused");
    EXPECT_EQ(reply.status, 413);
  }
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
