#include "plugin/metrics/measured_surface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace session_status::metrics {
namespace {

class FixedSurface : public http::Handler {
 public:
  void Handle(const http::Request&, http::Reply* reply) override { reply->status = status; }
  void HandleRefused(const http::Request&, int refused, absl::string_view,
                     http::Reply* reply) override {
    reply->status = refused;
  }
  int status = 200;
};

int64_t fake_now_ns = 0;
int64_t FakeNowNs() { return fake_now_ns += 3'000; }

// The labels of the cells that were hit, with their counts.
std::vector<std::pair<std::string, uint64_t>> Hits(const QueryRecorder& recorder) {
  std::vector<std::pair<std::string, uint64_t>> hits;
  for (const auto& metric : recorder.Read()) {
    if (metric.histogram.sample_count == 0) continue;
    hits.emplace_back(
        metric.label[0].value + "/" + metric.label[1].value + "/" + metric.label[2].value,
        metric.histogram.sample_count);
  }
  return hits;
}

TEST(MeasuredSurfaceTest, RecordsOperationResultAndTime) {
  FixedSurface inner;
  QueryRecorder recorder;
  MeasuredSurface surface(inner, QuerySurface::kAdmin, recorder, FakeNowNs);
  http::Request request;
  request.path = "/service/BatchQuerySessionByClientIds";
  http::Reply reply;
  surface.Handle(request, &reply);
  surface.HandleRefused(request, 413, "too long", &reply);
  EXPECT_THAT(Hits(recorder), testing::UnorderedElementsAre(
                                  testing::Pair("admin/BatchQuerySessionByClientIds/ok", 1),
                                  testing::Pair("admin/BatchQuerySessionByClientIds/refused", 1)));
  for (const auto& metric : recorder.Read()) {
    if (metric.label[2].value == "ok" && metric.histogram.sample_count == 1) {
      EXPECT_DOUBLE_EQ(metric.histogram.sample_sum, 3e-6);
    }
  }
}

TEST(MeasuredSurfaceTest, EachSurfaceIsCountedByItsOwnName) {
  struct Case {
    QuerySurface surface;
    std::string name;
  };
  for (const Case& c :
       {Case{QuerySurface::kAdmin, "admin"}, Case{QuerySurface::kOpenApi, "openapi"}}) {
    SCOPED_TRACE(c.name);
    FixedSurface inner;
    QueryRecorder recorder;
    MeasuredSurface surface(inner, c.surface, recorder, FakeNowNs);
    http::Request request;
    request.path = "/service/QuerySessionByClientId";
    http::Reply reply;
    surface.Handle(request, &reply);
    surface.HandleRefused(request, 400, "malformed", &reply);
    EXPECT_THAT(Hits(recorder), testing::UnorderedElementsAre(
                                    testing::Pair(c.name + "/QuerySessionByClientId/ok", 1),
                                    testing::Pair(c.name + "/QuerySessionByClientId/refused", 1)));
  }
}

// An alert and the doctor take what failed for a fault of the plugin.
TEST(MeasuredSurfaceTest, WhatTheListenerRefusesByItselfHasNotFailed) {
  FixedSurface inner;
  QueryRecorder recorder;
  MeasuredSurface surface(inner, QuerySurface::kOpenApi, recorder, FakeNowNs);
  http::Request request;
  request.path = "/";
  http::Reply reply;
  for (const int status : {400, 408, 413, 414, 431, 503}) {
    surface.HandleRefused(request, status, "not by us", &reply);
  }
  surface.HandleRefused(request, 403, "not for you", &reply);
  EXPECT_THAT(Hits(recorder),
              testing::UnorderedElementsAre(testing::Pair("openapi/other/refused", 6),
                                            testing::Pair("openapi/other/denied", 1)));
}

TEST(MeasuredSurfaceTest, TellsWhatFailedAndNothingElse) {
  FixedSurface inner;
  QueryRecorder recorder;
  std::vector<std::string> told;
  MeasuredSurface surface(inner, QuerySurface::kAdmin, recorder, FakeNowNs,
                          [&told](absl::string_view operation, const http::Reply& reply) {
                            told.push_back(absl::StrCat(operation, " ", reply.status));
                          });
  http::Request request;
  request.path = "/service/GetHistory";
  for (const int status : {200, 400, 403, 429, 500, 501, 503, 504}) {
    http::Reply reply;
    inner.status = status;
    surface.Handle(request, &reply);
    surface.HandleRefused(request, status, "not by us", &reply);
  }
  EXPECT_THAT(told, testing::ElementsAre("GetHistory 500", "GetHistory 503"));
}

TEST(MeasuredSurfaceTest, FindsTheOperationWhereverItIsNamed) {
  struct Case {
    absl::string_view path, query, header, body;
    QueryOperation want;
  };
  for (const Case& c : {
           Case{"/s/QuerySessionByClientId", "", "", "", QueryOperation::kSingle},
           Case{"/s/GetServerStatus", "", "", "", QueryOperation::kServerStatus},
           Case{"/s/GetCounts", "", "", "", QueryOperation::kCounts},
           Case{"/s/ListSessions", "", "", "", QueryOperation::kList},
           Case{"/s/Nothing", "", "", "", QueryOperation::kOther},
           Case{"/", "A=b&Action=QuerySessionByClientId", "", "", QueryOperation::kSingle},
           Case{"/", "", "BatchQuerySessionByClientIds", "", QueryOperation::kBatch},
           Case{"/", "", "", "X=1&Action=BatchQuerySessionByClientIds", QueryOperation::kBatch},
           Case{"/", "", "", "", QueryOperation::kOther},
       }) {
    SCOPED_TRACE(c.path);
    http::Request request;
    request.path = c.path;
    request.query = c.query;
    request.body = c.body;
    const http::Header header{"X-Acs-Action", c.header};
    if (!c.header.empty()) request.headers = absl::MakeConstSpan(&header, 1);
    EXPECT_EQ(OperationOf(request), c.want);
  }
}

TEST(MeasuredSurfaceTest, ClassifiesReplies) {
  struct Case {
    int status;
    bool has_retry_after;
    QueryResult want;
  };
  for (const Case& c :
       {Case{200, false, QueryResult::kOk}, Case{400, false, QueryResult::kRefused},
        Case{404, false, QueryResult::kRefused}, Case{401, false, QueryResult::kDenied},
        Case{403, false, QueryResult::kDenied}, Case{429, false, QueryResult::kThrottled},
        Case{400, true, QueryResult::kThrottled}, Case{500, false, QueryResult::kFailed},
        Case{503, false, QueryResult::kFailed}, Case{501, false, QueryResult::kRefused},
        Case{504, false, QueryResult::kRefused}}) {
    SCOPED_TRACE(c.status);
    http::Reply reply;
    reply.status = c.status;
    if (c.has_retry_after) reply.headers.emplace_back("x-acs-retry-after", "1");
    EXPECT_EQ(ResultOf(reply), c.want);
  }
}

}  // namespace
}  // namespace session_status::metrics
