// doctor beside the brokers of both lines, each with the same configuration: what the broker does
// not start with is a problem that doctor names with its place, and what it starts with is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/cli/cli_process.h"
#include "tests/cli/fake_systemctl.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// In a case: @ is the keyword of this broker that loads a plugin for all, {OTHER} another plugin,
// {INC} a folder to include.
class DoctorBesideBrokerTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  DoctorBesideBrokerTest() { setenv("PATH", absl::StrCat(service_.path(), ":", path_).c_str(), 1); }
  ~DoctorBesideBrokerTest() override { setenv("PATH", path_.c_str(), 1); }

  static bool On21() { return GetParam() == BrokerLine::k21; }

  std::string Replaced(absl::string_view text) const {
    return absl::StrReplaceAll(text, {{"@", On21() ? "global_plugin" : "plugin"},
                                      {"{OTHER}", SESSION_STATUS_OTHER_PLUGIN},
                                      {"{INC}", included_.path()}});
  }
  void Start(absl::string_view config) {
    broker_ = BrokerProcess::Start(
        {.line = GetParam(),
         .config = absl::StrCat("listener {PORT} 127.0.0.1\nallow_anonymous true\n",
                                "password_file {DIR}/passwords\n", Replaced(config)),
         .plugin = SessionStatusPlugin(),
         .files = {{"passwords", ""}}});
    // What mosquitto.service starts is the broker that the test starts.
    WriteFakeSystemctl(service_, "systemctl", BrokerPath(GetParam()),
                       absl::StrCat("-c ", broker_->Expand("{DIR}/mosquitto.conf")));
  }
  // The file with the rest of a configuration, where {PLUGIN} and {OBSERVE} are replaced as well.
  std::string Include(absl::string_view content) const {
    return included_.Write(
        "a.conf",
        absl::StrReplaceAll(Replaced(content),
                            {{"{PLUGIN}", SessionStatusPlugin()},
                             {"{OBSERVE}", On21() ? "" : "plugin_opt_observe_logins true"}}));
  }
  CliResult Diagnose(absl::string_view more = "") const {
    return RunCli(absl::StrCat(more, " doctor -c ", broker_->Expand("{DIR}/mosquitto.conf")));
  }

  void ExpectBothGood(absl::string_view options_given) {
    EXPECT_TRUE(broker_->running());
    const CliResult doctor = Diagnose();
    EXPECT_EQ(doctor.exit_code, 0);
    EXPECT_THAT(doctor.output, AllOf(HasSubstr(absl::StrCat(options_given, " given, all accepted")),
                                     ContainsRegex("ok +answer"), Not(HasSubstr("problem "))));
  }
  // `subject` and `text`: of doctor's finding. `log`: what the broker says; empty: nothing.
  void ExpectBothBad(const char* subject, const std::string& text, const char* log) {
    EXPECT_FALSE(broker_->running());
    EXPECT_THAT(broker_->Log(), HasSubstr(log));
    EXPECT_THAT(Diagnose().output,
                ContainsRegex(absl::StrCat("problem +", subject, " +[^\n]*", text)));
  }

  const std::string path_ = getenv("PATH");
  const TempDir included_;
  const TempDir service_;
  std::unique_ptr<BrokerProcess> broker_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, DoctorBesideBrokerTest, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

// plugin_load and plugin_use are not 2.0's.
class DoctorBesideBrokerOf21Test : public DoctorBesideBrokerTest {};
INSTANTIATE_TEST_SUITE_P(OnBroker, DoctorBesideBrokerOf21Test, ::testing::Values(BrokerLine::k21),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

// Without the others, as a broker logs it.
constexpr char kNoPlugin20[] = "option exists in the config file without an auth_plugin";
constexpr char kNoPlugin21[] = "requires plugin/global_plugin/plugin_load to be defined first";

TEST_P(DoctorBesideBrokerTest, AnIncludedFileBeginsWithoutAPlugin) {
  Include("# comment\nplugin_opt_snapshot_refresh 2s\n");
  Start("@ {PLUGIN}\nplugin_opt_admin_socket {DIR}/a.sock\n{OBSERVE}\ninclude_dir {INC}\n");
  ExpectBothBad("options", "/a.conf:2: plugin_opt_snapshot_refresh ",
                On21() ? kNoPlugin21 : kNoPlugin20);
}

TEST_P(DoctorBesideBrokerTest, ThePluginOfAnIncludedFileIsGoneAtItsEnd) {
  Include("@ {PLUGIN}\nplugin_opt_admin_socket {DIR}/a.sock\n{OBSERVE}\n");
  Start("include_dir {INC}\nplugin_opt_snapshot_refresh 2s\n");
  ExpectBothBad("options", "/mosquitto.conf:[0-9]+: plugin_opt_snapshot_refresh ",
                On21() ? kNoPlugin21 : kNoPlugin20);
}

TEST_P(DoctorBesideBrokerTest, AfterAnIncludedFileTheIncludersPluginIsBack) {
  Include("@ {OTHER}\nplugin_opt_login defer\n");
  Start("@ {PLUGIN}\n{OBSERVE}\ninclude_dir {INC}\nplugin_opt_admin_socket {DIR}/a.sock\n");
  ExpectBothGood(On21() ? "1" : "2");
}

TEST_P(DoctorBesideBrokerOf21Test, PluginUseChoosesWhoseOptionsFollow) {
  Start(
      "plugin_load ss {PLUGIN}\nplugin_load  other {OTHER}\nplugin_use other\nplugin_use ss\n"
      "plugin_opt_admin_socket {DIR}/a.sock\n");
  ExpectBothGood("1");
}

TEST_P(DoctorBesideBrokerOf21Test, PluginUseNeedsAPluginLoadAboveIt) {
  Start("plugin_use ss\nplugin_load ss {PLUGIN}\nplugin_use ss\n");
  ExpectBothBad("configuration", ":[0-9]+: plugin_use ss: ", "Plugin 'ss' not previously loaded");
}

TEST_P(DoctorBesideBrokerOf21Test, WhatPluginLoadLoadsHasToBeUsed) {
  for (const char* config :
       {"plugin_load ss {PLUGIN}\nplugin_opt_admin_socket {DIR}/a.sock\n",
        "plugin_load ss {OTHER}\n@ {PLUGIN}\nplugin_opt_admin_socket {DIR}/a.sock\n"}) {
    SCOPED_TRACE(config);
    Start(config);
    ExpectBothBad("configuration", ":[0-9]+: plugin_load ss: no plugin_use ", "");
    EXPECT_EQ(broker_->WaitExit(), 3);
  }
}

TEST_P(DoctorBesideBrokerTest, To21BlanksAroundAPathArePartsOfIt) {
  constexpr char kOptions[] = "\n{OBSERVE}\nplugin_opt_admin_socket {DIR}/a.sock\n";
  for (const char* line : {"@  {PLUGIN}", "@ {PLUGIN} ", "@ \t{PLUGIN}"}) {
    SCOPED_TRACE(line);
    Start(absl::StrCat(line, kOptions));
    if (On21()) {
      ExpectBothBad("configuration", ":[0-9]+: a blank before or behind ", "Unable to load plugin");
    } else {
      ExpectBothGood("2");
      EXPECT_THAT(Diagnose().output, ContainsRegex("warning +configuration .*: a blank before "));
    }
  }
  Start(absl::StrCat(" @ {PLUGIN}\r", kOptions));
  ExpectBothGood(On21() ? "1" : "2");
  if (!On21()) return;
  for (const char* line : {"plugin_load ss  {PLUGIN}", "plugin_load ss {PLUGIN} "}) {
    SCOPED_TRACE(line);
    Start(absl::StrCat(line, "\nplugin_use ss", kOptions));
    ExpectBothBad("configuration", ":[0-9]+: a blank before or behind ", "Unable to load plugin");
  }
}

constexpr char kGood[] = "@ {PLUGIN}\n{OBSERVE}\nplugin_opt_admin_socket {DIR}/a.sock\n";

TEST_P(DoctorBesideBrokerTest, ABrokerThatHangsIsNotTakenForTheOneThatIsInstalled) {
  Start(kGood);
  ExpectBothGood(On21() ? "1" : "2");
  WriteFakeSystemctl(service_, "systemctl", BrokerPath(On21() ? BrokerLine::k20 : BrokerLine::k21),
                     absl::StrCat("-c ", broker_->Expand("{DIR}/mosquitto.conf")));
  broker_->Signal(SIGSTOP);
  const std::string output = Diagnose("--timeout 0.5").output;
  broker_->Signal(SIGCONT);
  EXPECT_THAT(output, AllOf(ContainsRegex("ok +plugin"), Not(ContainsRegex("problem +plugin")),
                            Not(ContainsRegex("problem +logins")),
                            HasSubstr("→ somebody listens there and does not answer")));
}

TEST_P(DoctorBesideBrokerTest, AFolderToIncludeHasToBeThereAndTheRestIsReadAllTheSame) {
  Start(absl::StrCat("include_dir /nonexistent\n", kGood));
  ExpectBothBad("configuration",
                "/mosquitto.conf:[0-9]+: include_dir /nonexistent: No such file or directory",
                "Unable to open include_dir '/nonexistent'");
  EXPECT_THAT(Diagnose().output,
              AllOf(HasSubstr(" given, all accepted"), Not(HasSubstr("--config"))));
}

TEST_P(DoctorBesideBrokerTest, AFolderIsNoFileToInclude) {
  ASSERT_EQ(mkdir(included_.File("b.conf").c_str(), 0755), 0);
  Start(absl::StrCat(kGood, "include_dir {INC}\n"));
  ExpectBothBad("configuration", "/mosquitto.conf:[0-9]+: /[^\n]*/b.conf: is a folder",
                "is a directory");
}

TEST_P(DoctorBesideBrokerTest, OnlyTheMainFileIncludes) {
  Include("include_dir /nonexistent\n");
  Start(absl::StrCat(kGood, "include_dir {INC}\n"));
  if (On21()) {
    ExpectBothBad("configuration", "/a.conf:1: include_dir in an included file",
                  "only valid in the main configuration file");
  } else {
    ExpectBothGood("2");
  }
}

}  // namespace
}  // namespace session_status::testing
