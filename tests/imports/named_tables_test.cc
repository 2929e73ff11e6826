// Tables that are known by their columns: recognised, and read as their authors mean them. The rows
// are made up in each table's shape.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "imports/import_runs.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

RunImport named(const std::string& text, const std::string& format, ImportOptions options = {},
                const std::string& map = "") {
  options.map = parse_column_map(map);
  const RunImport read = import_bytes({.path = "table", .bytes = text}, options);
  EXPECT_EQ(read.format, format);
  return read;
}

std::string refused(const std::string& text, const ImportOptions& options = {}) {
  return message_of<Error>([&] { import_bytes({.path = "table", .bytes = text}, options); });
}

const Observation& seen(const RunImport& read, std::size_t run = 0) {
  return read.runs.at(run).observation;
}

TEST(NamedTables, EpochsPointsHaveTheirOwnConvention) {
  for (const char* names : {"Model Size,Training FLOP", "N,C"}) {
    const std::string text =
        std::string("x,y,color,") + names + ",hex_color,loss\n1,2,#fff,1e9,1.2e20,#fff,2.5\n";
    const RunImport read = named(text, "epoch");
    EXPECT_EQ(seen(read).tokens, 2e10);
    EXPECT_EQ(read.runs[0].derived, "tokens = flops / (6 params) [6nd]");
    EXPECT_EQ(read.convention, FlopConvention::k6nd);
  }
  EXPECT_THAT(refused("x,y,N,C,loss\n1,2,1e9,1.2e20,2.5\n",
                      {.convention = FlopConvention::kExact, .convention_named = true}),
              HasSubstr("under exact"));
}

constexpr const char* kMisfitting =
    "loss,C4 Eval Loss,N,N_no_emb,D,C,C_no_emb,C_6ND,C_6ND_no_emb,portion_steps_elapsed,model,"
    "train_tokens,total_steps,current_steps,total_epochs,current_epoch,peak_lr,sweep\n"
    "3.5,3.5,100,40,1000,600001,240001,600000,240000,0.5,m,1000,20,10,2,1,0.002,s\n"
    "3.2,3.2,100,40,2000,1200001,480001,1200000,480000,1.0,m,2000,20,20,2,2,0.002,s\n"
    "3.4,3.4,100,40,1000,600001,240001,600000,240000,0.5,m,1000,20,10,2,1,0.004,s\n";

TEST(NamedTables, MisfittingHasBothConventionsAndCheckpoints) {
  const RunImport read = named(kMisfitting, "misfitting");
  ASSERT_THAT(read.runs, SizeIs(1));
  EXPECT_EQ(read.runs[0].source_id, "s/m/20/0.002");
  EXPECT_EQ(seen(read).loss, 3.2);
  EXPECT_EQ(seen(read).flops, 1200000);
  EXPECT_EQ(seen(read).extra.at("nonembedding_params"), 40);
  EXPECT_THAT(read.runs[0].points, SizeIs(2));
  EXPECT_THAT(read.dropped, ElementsAre(AllOf(Field(&DroppedRow::line, 4),
                                              Field(&DroppedRow::why, HasSubstr("0.5")))));
  const RunImport kaplan = named(kMisfitting, "misfitting",
                                 {.convention = FlopConvention::kKaplan, .convention_named = true});
  EXPECT_EQ(seen(kaplan).flops, 480000);
  EXPECT_EQ(kaplan.convention, FlopConvention::kKaplan);
  EXPECT_THAT(
      refused(kMisfitting, {.convention = FlopConvention::kExact, .convention_named = true}),
      HasSubstr("6nd or kaplan"));
}

TEST(NamedTables, PoriansPointsKeepTheirExperiment) {
  const std::string header =
      "dataset,experiment,hparams,warmup,decay,param_count,loss_split,flops,n,tokens,loss\n";
  const RunImport read =
      named(header + "rw,2_x,base,long,kaplan,standard,train,1.2e16,1e6,2e9,4.5\n", "porian");
  EXPECT_EQ(seen(read).trial, "rw/2_x/base/long/kaplan/standard/train");
  EXPECT_EQ(seen(read).budget, 1.2e16);
  EXPECT_EQ(seen(read).tokens, 2e9);
  EXPECT_THAT(read.runs[0].provenance, HasSubstr("\"experiment\":\"2_x\""));
}

TEST(NamedTables, PoriansOptimaAreRefused) {
  EXPECT_THAT(
      refused("dataset,experiment,flops,n,t,multiplier,loss,n_star_std\nrw,1,1,2,3,4,5,6\n"),
      HasSubstr("not runs"));
}

TEST(NamedTables, GemstonesLastEvaluationIsTheResult) {
  const auto line = [](const char* run, int step, double tokens, double loss) {
    return std::string("{\"run_name\":\"") + run + "\",\"params_active_precise\":1e9,\"width\":8," +
           "\"tokens\":" + std::to_string(tokens) + ",\"step\":" + std::to_string(step) +
           ",\"final_loss\":" + std::to_string(loss) + "}\n";
  };
  const RunImport read = named(line("a", 1, 1e9, 3) + line("a", 3, 3e9, 2.5) +
                                   line("b", 1, 1e9, 3.5) + line("a", 2, 2e9, 2.75),
                               "gemstones");
  ASSERT_THAT(read.runs, SizeIs(2));
  EXPECT_EQ(read.runs[0].source_id, "a");
  EXPECT_EQ(seen(read).loss, 2.5);
  EXPECT_EQ(seen(read).flops, 6 * 1e9 * 3e9);
  ASSERT_THAT(read.runs[0].points, SizeIs(3));
  EXPECT_EQ(read.runs[0].points[1].heldout_loss, 2.75);
  EXPECT_THAT(read.runs[1].points, IsEmpty());
}

TEST(NamedTables, DatablationsKeepUniqueTokens) {
  const RunImport summary =
      named("name,params_N,tokens_D,unique_tokens_U,epochs,val_loss\nx,1e9,4e9,1e9,4.0,2.9\n",
            "datablations");
  EXPECT_EQ(seen(summary).extra.at("unique_tokens"), 1e9);
  EXPECT_EQ(seen(summary).trial, "x");
  EXPECT_EQ(seen(summary).flops, 2.4e19);
  const RunImport raw = named(
      "data,epochs,token_num,loss,num_params,tokens_per_epoch,flops\n"
      "c4,4,4000000000,2.9,2.8B,1000000000,6.8e19\nc4,1,4000000000,2.8,2.8B,4000000000,6.8e19\n",
      "datablations");
  EXPECT_THAT(raw.runs, SizeIs(2));
  EXPECT_EQ(seen(raw).params, 2.8e9);
  EXPECT_EQ(seen(raw).flops, 6.8e19);
  EXPECT_EQ(raw.runs[0].derived, "");
  EXPECT_EQ(seen(raw, 1).extra.at("unique_tokens"), 4e9);
}

TEST(NamedTables, OlmosLadderSaysThatNHasNoEmbeddings) {
  const RunImport finals = named(
      "run,size,N_nonembed,xC,rerun,D,n_evals,loss_c4_en,avg5_c4_en,loss_pile\n"
      "190M-1xC,190M,190000000,1.0,False,3800000000,73,3.6,3.61,3.0\n",
      "olmo-ladder");
  EXPECT_EQ(seen(finals).loss, 3.6);
  EXPECT_EQ(seen(finals).extra.at("nonembedding_params"), 1.9e8);
  EXPECT_THAT(finals.notes, Contains(HasSubstr("no embeddings")));
  const RunImport curves = named(
      "run,size,N,xC,D,c4,pile\na,190M,1.9e8,1,1e9,4.5,4\na,190M,1.9e8,1,2e9,4.0,3.5\n"
      "b,190M,1.9e8,2,1e9,4.4,4\n",
      "olmo-ladder", {}, "loss=pile");
  ASSERT_THAT(curves.runs, SizeIs(2));
  EXPECT_EQ(seen(curves).loss, 3.5);
  EXPECT_THAT(curves.runs[0].points, SizeIs(2));
}

constexpr const char* kRouting =
    "hyper_id,step,loss_c4,loss_validation,num_experts,k,router_type,seed,routing_frequency,"
    "total_parameter_count,dense_parameter_count,flops_per_step,model_size_label\n"
    "0,0,10,10,64,1,Hash,42,0.5,5e8,2e7,7e13,25M\n"
    "0,2000,3,3.1,64,1,Hash,42,0.5,5e8,2e7,7e13,25M\n"
    "0,1000,3.5,3.6,64,1,Hash,42,0.5,5e8,2e7,7e13,25M\n";

TEST(NamedTables, RoutedModelsNeedTheTokensOfAStep) {
  EXPECT_THAT(refused(kRouting), HasSubstr("--batch-tokens"));
  const RunImport read = named(kRouting, "routing", {.batch_tokens = 1e5});
  ASSERT_THAT(read.runs, SizeIs(1));
  const Observation& o = seen(read);
  EXPECT_EQ(o.params, 5e8);
  EXPECT_EQ(o.tokens, 2e8);
  EXPECT_EQ(o.flops, 1.4e17);
  EXPECT_EQ(o.loss, 3.1);
  EXPECT_EQ(o.seed, 42);
  EXPECT_EQ(o.extra.at("experts"), 64);
  EXPECT_EQ(o.extra.at("active_params"), 2e7);
  EXPECT_THAT(read.runs[0].derived, HasSubstr("step x"));
  EXPECT_THAT(read.runs[0].provenance,
              AllOf(HasSubstr("\"hyper_id\":\"0\""), ::testing::Not(HasSubstr("step x"))));
  EXPECT_THAT(read.runs[0].points, SizeIs(2));
  EXPECT_THAT(read.dropped, ElementsAre(Field(&DroppedRow::line, 2)));
}

constexpr const char* kNanochat =
    "flops_budget,depth,model_dim,params_wte,params_value_embeds,params_lm_head,"
    "params_transformer,params_scalars,params_total,num_iterations,tokens_trained,val_bpb,"
    "core_score,train_time_sec\n"
    "1e18,8,512,1,1,1,25000000,1,50000000,100,1e9,0.95,0.1,60\n"
    "1e18,10,640,1,1,1,45000000,1,80000000,0,0,0.9,0.1,60\n"
    "1e18,12,768,1,1,1,85000000,1,130000000,100,1e9,,0.0,60\n"
    "1e18,14,896,1,1,1,85000000,1,130000000,100,1e9,0.91,0.0,60\n";

TEST(NamedTables, NanochatsFailedRowsAreLeftOutAndSaid) {
  const RunImport read = named(kNanochat, "nanochat");
  ASSERT_THAT(read.runs, SizeIs(1));
  EXPECT_EQ(read.loss_unit, "bits_per_byte");
  EXPECT_EQ(seen(read).params, 5e7);
  EXPECT_EQ(seen(read).budget, 1e18);
  EXPECT_EQ(seen(read).flops, 3e17);
  EXPECT_EQ(seen(read).extra.at("nonembedding_params"), 2.5e7);
  EXPECT_THAT(read.dropped,
              ElementsAre(Field(&DroppedRow::why, "tokens_trained is 0"),
                          Field(&DroppedRow::why, "val_bpb is empty"),
                          Field(&DroppedRow::why, "core_score is 0: its evaluation failed")));
}

TEST(NamedTables, NanochatWithoutCoreScoresKeepsItsRows) {
  const RunImport read = named(
      "flops_budget,depth,params_total,tokens_trained,val_bpb,core_score\n"
      "1e18,8,50000000,1e9,0.95,0.0\n1e18,10,60000000,1e9,0.94,0.0\n",
      "nanochat");
  EXPECT_THAT(read.runs, SizeIs(2));
  EXPECT_THAT(read.dropped, IsEmpty());
}

TEST(NamedTables, LlamasPointsHaveNFromCAndD) {
  const RunImport read =
      named("compute_budget,training_tokens,validation_loss,x_page,y_page\n6e18,1e9,0.9,1,2\n",
            "llama-isoflop");
  EXPECT_EQ(seen(read).params, 1e9);
  EXPECT_EQ(seen(read).budget, 6e18);
  EXPECT_EQ(read.runs[0].derived, "params = flops / (6 tokens) [6nd]");
}

TEST(NamedTables, OpenAthenasExperimentIsTheLabel) {
  const RunImport read =
      named("experiment,params,tokens,loss,budget\na,1e9,2e10,2.5,1e20\nb,1e9,2e10,2.6,1e20\n",
            "open-athena");
  EXPECT_EQ(seen(read).trial, "a");
  EXPECT_EQ(seen(read).flops, 1.2e20);
  EXPECT_EQ(seen(read).budget, 1e20);
  EXPECT_THAT(read.notes, Contains(HasSubstr("2 experiments")));
}

TEST(NamedTables, SimpleScalingLawsEvaluationsAreAveraged) {
  const std::string text =
      "training_run_id,test_set_id,model_size__n_params,dataset_size__tokens,test_loss__ce\n"
      "r0,a,1e9,2e10,2.5\nr0,b,1e9,2e10,2.7\nr1,a,1e9,4e10,2.4\n";
  EXPECT_THAT(refused(text), HasSubstr("--convention 6nd"));
  const RunImport read = named(text, "simple-scaling-laws", {.convention_named = true});
  ASSERT_THAT(read.runs, SizeIs(2));
  EXPECT_DOUBLE_EQ(seen(read).loss, 2.6);
  EXPECT_NEAR(seen(read).loss_error, 0.1, 1e-12);  // half the difference of two
  EXPECT_EQ(seen(read, 1).loss_error, 0);
  EXPECT_EQ(read.runs[1].source_id, "r1");
  EXPECT_THAT(read.fields, Contains(AllOf(Field(&FieldSource::field, "loss"),
                                          Field(&FieldSource::column, "test_loss__ce"))));
  EXPECT_THAT(refused("training_run_id,model_size__a,model_size__b,dataset_size__d,test_loss__ce\n"
                      "r,1,2,3,4\n"),
              HasSubstr("--map params=model_size__a"));
}

TEST(NamedTables, TheChinchillaPackagesTableIsRead) {
  const RunImport read =
      named("C,N,D,loss\n1.2e20,1000000000,20000000000,2.5\n", "chinchilla-package");
  EXPECT_EQ(seen(read).flops, 1.2e20);
  EXPECT_EQ(read.runs[0].derived, "");
}

TEST(NamedTables, MarinsUnfinishedRunsAreLeftOut) {
  const RunImport read = named(
      "run_name,run_id,run_state,budget,parameter_count,total_tokens,total_gflops,achieved_flops,"
      "cd_val_loss\n"
      "a,id1,finished,1e19,1e8,1.5e10,1e10,1e19,3.1\nb,id2,crashed,1e19,1e8,1e9,1e9,1e18,4\n"
      "c,id3,finished,1e19,1e8,1.5e10,1e10,1e19,\n",
      "marin");
  ASSERT_THAT(read.runs, SizeIs(1));
  EXPECT_EQ(read.runs[0].source_id, "id1");
  EXPECT_EQ(seen(read).budget, 1e19);
  EXPECT_EQ(seen(read).flops, 1e19);
  EXPECT_THAT(read.dropped, ElementsAre(Field(&DroppedRow::why, HasSubstr("crashed")),
                                        Field(&DroppedRow::why, "cd_val_loss is empty")));
}

constexpr const char* kWandbSummary =
    "\"Name\",\"State\",\"Notes\",\"User\",\"Tags\",\"Created\",\"Runtime\",\"Sweep\",\"n_params\","
    "\"train_tokens\",\"val/loss\"\n"
    "\"a\",\"finished\",\"-\",\"u\",\"\",\"2025-01-01\",\"60\",\"\",\"1e9\",\"2e10\",\"2.5\"\n"
    "\"a\",\"finished\",\"-\",\"u\",\"\",\"2025-01-02\",\"60\",\"\",\"1e9\",\"3e10\",\"2.4\"\n"
    "\"b\",\"crashed\",\"-\",\"u\",\"\",\"2025-01-01\",\"60\",\"\",\"1e9\",\"2e10\",\"2.6\"\n"
    "\"c\",\"finished\",\"-\",\"u\",\"\",\"2025-01-01\",\"60\",\"\",\"1e9\",\"2e10\",\"\"\n"
    "\"d\",\"finished\",\"-\",\"u\",\"\",\"2025-01-01\",\"60\",\"\",\"1e9\",\"2e10\",\"NaN\"\n";

TEST(NamedTables, WandbsRunsThatDidNotFinishAreLeftOut) {
  const RunImport read = named(kWandbSummary, "wandb-summary", {.convention_named = true});
  ASSERT_THAT(read.runs, SizeIs(2));
  EXPECT_EQ(read.runs[0].source_id, "a/2025-01-01");
  EXPECT_EQ(seen(read).trial, "a");
  EXPECT_EQ(seen(read, 1).loss, 2.4);
  EXPECT_THAT(read.dropped,
              ElementsAre(Field(&DroppedRow::why, "State is \"crashed\", not finished"),
                          Field(&DroppedRow::why, "val/loss is empty"),
                          Field(&DroppedRow::why, "val/loss is NaN: it diverged")));
  EXPECT_THAT(refused("Name,State,Created,size,D,out\nx,finished,1,1e9,2e10,2.5\n"),
              HasSubstr("--map loss=L"));
}

constexpr const char* kWandbHistory =
    "\"Step\",\"big - run - val/loss\",\"big - run - val/loss__MIN\",\"big - run - val/loss__MAX\","
    "\"small - val/loss\",\"small - val/loss__MIN\",\"small - val/loss__MAX\"\n"
    "\"10\",\"3.5\",\"3.4\",\"3.6\",\"\",\"\",\"\"\n"
    "\"20\",\"3.0\",\"2.9\",\"3.1\",\"3.3\",\"3.3\",\"3.3\"\n"
    "\"30\",\"\",\"\",\"\",\"3.2\",\"3.2\",\"3.2\"\n";

TEST(NamedTables, WandbsHistoryIsACurveARun) {
  EXPECT_THAT(refused(kWandbHistory), HasSubstr("--params"));
  const RunImport read = named(kWandbHistory, "wandb-history",
                               {.convention_named = true, .params = 1e8, .batch_tokens = 1000});
  ASSERT_THAT(read.runs, SizeIs(2));
  const ImportedRun& run = read.runs[0];
  EXPECT_EQ(run.source_id, "big - run");
  EXPECT_EQ(run.observation.params, 1e8);
  EXPECT_EQ(run.observation.tokens, 20000);
  EXPECT_EQ(run.observation.loss, 3.0);
  ASSERT_THAT(run.points, SizeIs(2));
  EXPECT_EQ(run.points[0].step, 10);
  EXPECT_EQ(run.points[0].heldout_loss, 3.5);
  EXPECT_EQ(read.runs[1].observation.loss, 3.2);
}

TEST(NamedTables, WandbsHistoryByTimeIsRefused) {
  EXPECT_THAT(refused("Relative Time (Process),a - loss,a - loss__MIN\n1,2,3\n"),
              HasSubstr("choose Step"));
}

TEST(NamedTables, EveryFormatHasANameOfItsOwnAndALine) {
  std::vector<std::string> names;
  for (const ImportFormat& format : import_formats()) {
    EXPECT_THAT(names, ::testing::Not(Contains(std::string(format.name))));
    names.emplace_back(format.name);
    EXPECT_FALSE(format.about.empty());
    ASSERT_NE(format.recognises, nullptr);
    ASSERT_NE(format.read, nullptr);
  }
  EXPECT_EQ(names.back(), "csv");
}

}  // namespace
}  // namespace isoflop
