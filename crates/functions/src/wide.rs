//! The widest vectors of the processor that the program runs on.
//!
//! The program is built for every x86-64, whose vectors hold two f64. Loops that sum f32 in f64
//! take half the time with the four of AVX2. No other instructions are asked for, so that a sum is
//! the same to the last bit on every machine.

/// A loop that is compiled once for every processor and once for wide vectors. `run` and all that
/// it calls must be `inline(always)`, else they keep the narrow ones.
pub trait Job {
    /// What it gives.
    type Answer;

    /// Runs the loop.
    fn run(self) -> Self::Answer;
}

/// Runs a loop with the widest vectors there are.
pub fn run<J: Job>(job: J) -> J::Answer {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: `with_avx2` needs nothing but a processor with AVX2, and this one has it.
        #[allow(unsafe_code, reason = "the only way to call code for the processor found")]
        return unsafe { with_avx2(job) };
    }
    job.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<J: Job>(job: J) -> J::Answer {
    job.run()
}
