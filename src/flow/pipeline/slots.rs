//! Who may work now: the slots of a stage's model and of its agent, taken together or not at all.
//!
//! A stage that waits holds nothing, so one model that is full keeps nobody else waiting. Whoever came
//! first among those that could go on goes on first.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::limits::Limits;

/// The slots of one run.
#[derive(Debug)]
pub(super) struct Slots {
    models: Vec<String>,
    agents: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many of each are free: models first, then agents.
    free: Vec<usize>,
    /// In order of arrival. None of them could go on as things stand.
    waiting: VecDeque<Waiting>,
    /// Those that may go on and do not know it yet.
    granted: HashSet<u64>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    needs: Needs,
    waker: Waker,
}

/// What a stage needs, as places in [`State::free`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    model: Option<usize>,
    agent: Option<usize>,
}

impl Needs {
    fn each(self) -> impl Iterator<Item = usize> {
        self.model.into_iter().chain(self.agent)
    }
}

impl Slots {
    pub(super) fn of(limits: &Limits) -> Self {
        let free = limits.models.values().chain(limits.agents.values());
        Self {
            state: Mutex::new(State {
                free: free.copied().collect(),
                waiting: VecDeque::new(),
                granted: HashSet::new(),
                next: 0,
            }),
            models: limits.models.keys().cloned().collect(),
            agents: limits.agents.keys().cloned().collect(),
        }
    }

    /// What an agent with this model needs.
    pub(super) fn needs(&self, agent: &str, model: &str) -> Needs {
        let place = |names: &[String], name: &str| names.iter().position(|known| known == name);
        Needs {
            model: place(&self.models, model),
            agent: place(&self.agents, agent).map(|place| self.models.len() + place),
        }
    }

    /// All that is needed, as soon as all of it is free.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time: it holds nothing then.
    pub(super) fn take(&self, needs: Needs) -> Take<'_> {
        Take {
            slots: self,
            needs,
            stands: Stands::Outside,
        }
    }

    fn give_back(&self, needs: Needs) {
        let mut state = self.lock();
        for place in needs.each() {
            state.free[place] += 1;
        }
        let woken = state.grant();
        drop(state);
        for waker in woken {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn try_take(&mut self, needs: Needs) -> bool {
        if needs.each().any(|place| self.free[place] == 0) {
            return false;
        }
        for place in needs.each() {
            self.free[place] -= 1;
        }
        true
    }

    /// Gives what is free to those that wait, and says whom to wake.
    fn grant(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        let mut index = 0;
        while let Some(needs) = self.waiting.get(index).map(|waiting| waiting.needs) {
            if !self.try_take(needs) {
                index += 1;
            } else if let Some(waiting) = self.waiting.remove(index) {
                self.granted.insert(waiting.id);
                woken.push(waiting.waker);
            }
        }
        woken
    }
}

/// Waits for slots, see [`Slots::take`].
#[derive(Debug)]
#[must_use]
pub(super) struct Take<'a> {
    slots: &'a Slots,
    needs: Needs,
    stands: Stands,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Outside,
    InLine(u64),
    Served,
}

impl<'a> Future for Take<'a> {
    type Output = Taken<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Taken<'a>> {
        let slots = self.slots;
        let mut state = slots.lock();
        let is_served = match self.stands {
            Stands::InLine(id) => state.granted.remove(&id),
            // Whoever waits could not go on with what is free, so nobody is passed by.
            Stands::Outside | Stands::Served => state.try_take(self.needs),
        };
        if is_served {
            self.stands = Stands::Served;
            return Poll::Ready(Taken {
                slots,
                needs: self.needs,
            });
        }
        let waker = context.waker().clone();
        match self.stands {
            Stands::InLine(id) => {
                let mut waiting = state.waiting.iter_mut();
                if let Some(waiting) = waiting.find(|waiting| waiting.id == id) {
                    waiting.waker = waker;
                }
            }
            Stands::Outside | Stands::Served => {
                let id = state.next;
                state.next += 1;
                let needs = self.needs;
                state.waiting.push_back(Waiting { id, needs, waker });
                self.stands = Stands::InLine(id);
            }
        }
        Poll::Pending
    }
}

impl Drop for Take<'_> {
    fn drop(&mut self) {
        let Stands::InLine(id) = self.stands else {
            return;
        };
        let mut state = self.slots.lock();
        state.waiting.retain(|waiting| waiting.id != id);
        let was_granted = state.granted.remove(&id);
        drop(state);
        if was_granted {
            self.slots.give_back(self.needs);
        }
    }
}

/// Slots that are taken; they are free again when this goes.
#[derive(Debug)]
#[must_use]
pub(super) struct Taken<'a> {
    slots: &'a Slots,
    needs: Needs,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.slots.give_back(self.needs);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::task::noop_waker_ref;
    use proptest::prelude::*;

    use super::*;

    const AGENTS: [(&str, &str); 4] = [("a", "m"), ("b", "m"), ("c", "n"), ("free", "free")];

    fn slots() -> Slots {
        Slots::of(&Limits::default().model("m", 2).model("n", 1).agent("a", 1))
    }

    fn poll<'a>(take: &mut Take<'a>) -> Option<Taken<'a>> {
        match take.poll_unpin(&mut Context::from_waker(noop_waker_ref())) {
            Poll::Ready(taken) => Some(taken),
            Poll::Pending => None,
        }
    }

    #[test]
    fn whoever_came_first_goes_on_first() {
        let slots = slots();
        let needs = slots.needs("c", "n");
        let held = poll(&mut slots.take(needs)).unwrap();
        let (mut first, mut second) = (slots.take(needs), slots.take(needs));
        assert!(poll(&mut first).is_none() && poll(&mut second).is_none());
        drop(held);
        assert!(poll(&mut slots.take(needs)).is_none(), "a newcomer waits");
        assert!(poll(&mut second).is_none());
        assert!(poll(&mut first).is_some());
    }

    #[derive(Debug, Clone)]
    enum Move {
        Come(usize),
        Poll(usize),
        GiveUp(usize),
        End(usize),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            (0..AGENTS.len()).prop_map(Move::Come),
            any::<usize>().prop_map(Move::Poll),
            any::<usize>().prop_map(Move::GiveUp),
            any::<usize>().prop_map(Move::End),
        ];
        prop::collection::vec(one, 0..200)
    }

    proptest! {
        #[test]
        fn slots_are_never_more_than_the_limit_and_all_come_back(moves in moves()) {
            let slots = slots();
            let full = slots.lock().free.clone();
            let mut waiting: Vec<Take<'_>> = Vec::new();
            let mut working: Vec<Taken<'_>> = Vec::new();
            for step in moves {
                match step {
                    Move::Come(agent) => {
                        let (agent, model) = AGENTS[agent];
                        waiting.push(slots.take(slots.needs(agent, model)));
                    }
                    Move::Poll(index) if !waiting.is_empty() => {
                        let index = index % waiting.len();
                        if let Some(taken) = poll(&mut waiting[index]) {
                            working.push(taken);
                            drop(waiting.swap_remove(index));
                        }
                    }
                    Move::GiveUp(index) if !waiting.is_empty() => {
                        drop(waiting.swap_remove(index % waiting.len()));
                    }
                    Move::End(index) if !working.is_empty() => {
                        drop(working.swap_remove(index % working.len()));
                    }
                    _ => {}
                }
                for (place, limit) in full.iter().enumerate() {
                    let used = working.iter().flat_map(|taken| taken.needs.each());
                    prop_assert!(used.filter(|used| *used == place).count() <= *limit);
                }
                let state = slots.lock();
                for stuck in &state.waiting {
                    let fits = stuck.needs.each().all(|place| state.free[place] > 0);
                    prop_assert!(!fits, "somebody waits for what is free");
                }
            }
            drop((waiting, working));
            let state = slots.lock();
            prop_assert_eq!(&state.free, &full);
            prop_assert!(state.waiting.is_empty() && state.granted.is_empty());
        }
    }
}
