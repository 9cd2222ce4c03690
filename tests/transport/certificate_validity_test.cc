#include "plugin/transport/certificate_validity.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "tests/transport/test_certificates.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

using ::testing::HasSubstr;

class ValidityWatchTest : public ::testing::Test {
 protected:
  ValidityWatchTest() : directory_(MakeTemporaryDirectory()), certificates_(directory_) {}
  ~ValidityWatchTest() override { std::filesystem::remove_all(directory_); }

  const std::string directory_;
  TestCertificates certificates_;
  const absl::Time now_ = absl::Now();
};

TEST_F(ValidityWatchTest, TellsOnceThatACertificateHasEnded) {
  certificates_.Make("server", 3600);
  ValidityWatch watch(PemContent::kChain, certificates_.certificate_file("server"));
  EXPECT_EQ(watch.TakeComplaint(now_ + absl::Hours(9)), "") << "nothing was loaded";
  EXPECT_EQ(watch.Load(now_), "");
  EXPECT_GE(watch.ends(), now_ + absl::Minutes(59));
  EXPECT_LE(watch.ends(), now_ + absl::Minutes(61));
  EXPECT_EQ(watch.TakeComplaint(now_), "");
  // What counts is what was loaded.
  std::filesystem::remove(certificates_.certificate_file("server"));
  EXPECT_THAT(watch.TakeComplaint(now_ + absl::Hours(2)),
              HasSubstr("server.pem: a certificate in it has expired on 20"));
  EXPECT_EQ(watch.TakeComplaint(now_ + absl::Hours(2)), "");
  // The next one is told of in its turn.
  certificates_.Make("server", 3 * 3600);
  EXPECT_EQ(watch.Load(now_ + absl::Hours(2)), "");
  EXPECT_EQ(watch.TakeComplaint(now_ + absl::Hours(2)), "");
  EXPECT_NE(watch.TakeComplaint(now_ + absl::Hours(4)), "");
}

TEST_F(ValidityWatchTest, OfSeveralCertificatesTheFirstToEndCounts) {
  certificates_.Make("server", 3600);
  certificates_.Make("between", 600);
  certificates_.Make("above", 7200);
  const std::string chain = directory_ + "/chain.pem";
  std::ofstream(chain) << std::ifstream(certificates_.certificate_file("server")).rdbuf()
                       << std::ifstream(certificates_.key_file("server")).rdbuf()
                       << std::ifstream(certificates_.certificate_file("between")).rdbuf()
                       << std::ifstream(certificates_.certificate_file("above")).rdbuf();
  for (const auto& [content, want] :
       {std::pair(PemContent::kChain, "chain.pem: a certificate in it has expired on 20"),
        std::pair(PemContent::kClientCa, "chain.pem: a CA certificate in it has expired on 20")}) {
    ValidityWatch watch(content, chain);
    EXPECT_EQ(watch.Load(now_), "");
    EXPECT_LE(watch.ends(), now_ + absl::Seconds(602));
    EXPECT_EQ(watch.TakeComplaint(now_ + absl::Minutes(9)), "");
    EXPECT_THAT(watch.TakeComplaint(now_ + absl::Minutes(11)), HasSubstr(want));
  }
}

TEST_F(ValidityWatchTest, WhatIsOverAtTheLoadIsToldByTheLoadAlone) {
  certificates_.WriteRevocations({}, -60);
  ValidityWatch watch(PemContent::kRevocationList, certificates_.crl_file());
  EXPECT_THAT(watch.Load(now_),
              HasSubstr("crl.pem: the list of revoked certificates has been out"));
  EXPECT_EQ(watch.TakeComplaint(now_ + absl::Hours(1)), "");
  certificates_.WriteRevocations({}, 60);
  EXPECT_EQ(watch.Load(now_), "");
  EXPECT_NE(watch.TakeComplaint(now_ + absl::Hours(1)), "");
}

TEST_F(ValidityWatchTest, WhereThereIsNothingToLoadThereIsNoEnd) {
  for (const std::string& file :
       {std::string(), directory_ + "/missing.pem", certificates_.ca_file()}) {
    ValidityWatch watch(PemContent::kRevocationList, file);
    EXPECT_EQ(watch.Load(now_), "");
    EXPECT_EQ(watch.ends(), absl::InfiniteFuture());
    EXPECT_EQ(watch.TakeComplaint(absl::InfiniteFuture()), "");
  }
}

}  // namespace
}  // namespace session_status::transport
