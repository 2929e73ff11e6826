// Which verbs need LibTorch, and becoming the program that has it.
//
// Loading libtorch_cpu takes about 0.2 s, more than most of this program's answers. So a build with
// LibTorch makes two programs of the same sources: isoflop without it, and isoflop-trainer beside
// it. Where a verb trains in its own process, isoflop execs isoflop-trainer with the same
// arguments, before anything else: process id, place in the process tree and core stay.
#ifndef ISOFLOP_APP_TRAINER_PROGRAM_H_
#define ISOFLOP_APP_TRAINER_PROGRAM_H_

namespace isoflop {

// Returns when the verb does not train, when this program has LibTorch, or when no isoflop-trainer
// lies beside it (a build without LibTorch).
void become_trainer_program(int argc, char** argv);

}  // namespace isoflop

#endif  // ISOFLOP_APP_TRAINER_PROGRAM_H_
