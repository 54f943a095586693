//! One client, from its coming to its going.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bowline_client::{Client, Closed, Event, Publication, RequestError, Sender};
use bowline_core::CloseCode;
use tokio::{sync::watch, task::JoinSet, time::sleep_until};

use super::{
    Crowd, Turn,
    crowd::nanoseconds,
    echoes::Echoes,
    locked,
    say::Said,
    stay::{Stay, due_times},
    turn::Stage,
};
use crate::random::Random;

/// Most publications of one client that wait for their answer: as many as the client's queue takes.
const MAX_UNANSWERED: usize = 1_024;

/// One client.
pub(crate) struct Guest {
    pub(crate) crowd: Arc<Crowd>,
    /// Its number: of the place that it takes, which another may take after it.
    pub(crate) number: usize,
    /// Its name, which nobody else has.
    pub(crate) by: Arc<str>,
    /// The rooms that it is in, by number.
    pub(crate) rooms: Vec<usize>,
    pub(crate) is_slow: bool,
    /// Its place among those that talk: 0 to 1 of the period.
    pub(crate) phase: Duration,
    pub(crate) random: Random,
    echoes: Arc<Mutex<Echoes>>,
}

/// When a client is to go.
#[derive(Debug, Clone)]
pub(crate) struct Going(watch::Sender<bool>);

impl Going {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Tells it to.
    pub(crate) fn go(&self) {
        self.0.send_replace(true);
    }
}

impl Guest {
    pub(crate) fn new(crowd: Arc<Crowd>, number: usize, by: &str, rooms: Vec<usize>, random: Random) -> Self {
        let echoes = Arc::new(Mutex::new(Echoes::new()));
        let by = by.into();
        Self { crowd, number, by, rooms, is_slow: false, phase: Duration::ZERO, random, echoes }
    }

    /// Is there, in one turn after another, until told to go or there is no other turn.
    pub(crate) async fn visit(mut self, client: Client, mut turns: watch::Receiver<Option<Arc<Turn>>>, going: Going) {
        let (sender, leaving) = (client.sender(), Going::new());
        let listening = tokio::spawn(listen(self.listener(), client, leaving.clone()));
        let (mut stays, mut going) = (JoinSet::new(), going.0.subscribe());
        while !*going.borrow() {
            let turn = turns.borrow_and_update().clone();
            if let Some(turn) = turn {
                self.take_turn(turn, &sender, &mut stays, &mut going).await;
            }
            tokio::select! {
                // Neither fails before the crowd is gone, and then there is nothing left to do.
                changed = turns.changed() => if changed.is_err() { break },
                _ = going.changed() => {}
            }
            if turns.borrow().is_none() {
                break;
            }
        }
        stays.join_all().await;
        self.wait_for_echoes().await;
        leaving.go();
        sender.close(CloseCode::NORMAL_CLOSURE);
        drop(sender);
        // Its own bound is `close_timeout`, of 10 s.
        let _ended = listening.await;
        let tally = std::mem::replace(&mut *locked(&self.echoes), Echoes::new()).finish(&self.by);
        self.crowd.totals().reconcile(self.number, &tally);
    }

    fn listener(&self) -> Listener {
        let (crowd, echoes) = (Arc::clone(&self.crowd), Arc::clone(&self.echoes));
        Listener { crowd, number: self.number, by: Arc::clone(&self.by), echoes, away: None, carried_by: None }
    }

    /// Joins the turn's rooms, and talks in them.
    async fn take_turn(
        &mut self,
        turn: Arc<Turn>,
        sender: &Sender,
        stays: &mut JoinSet<()>,
        going: &mut watch::Receiver<bool>,
    ) {
        let Some(_talks) = turn.talk() else { return };
        let patience = self.crowd.settings.drain_timeout;
        let mut names = Vec::new();
        for room in &self.rooms {
            let name = turn.room(*room);
            let whose = (Arc::clone(&self.crowd), Arc::clone(&turn));
            let who = (self.number, Arc::clone(&self.by), self.is_slow);
            let given_up = turn.give_up(going.clone(), patience);
            let Some(stay) = Stay::begin(whose, who, sender, &name, given_up).await else { return };
            stays.spawn(stay.hear(going.clone()));
            names.push(name);
        }
        // Those of earlier turns that have ended.
        while stays.try_join_next().is_some() {}
        let mut talk = Talk { turn, sender, going: going.clone(), answers: JoinSet::new() };
        self.talk(&mut talk, &names, going).await;
        // Each is bounded: by the turn's end, or the client's going.
        talk.answers.join_all().await;
    }

    /// Says something whenever it is due, until the talk is over or the client is to go.
    async fn talk(&mut self, talk: &mut Talk<'_>, names: &[String], going: &mut watch::Receiver<bool>) {
        let mut stage = talk.turn.stage();
        let over = async { drop(stage.wait_for(|stage| *stage != Stage::Talk).await) };
        let gone = async { drop(going.wait_for(|going| *going).await) };
        tokio::pin!(over, gone);
        let period = self.crowd.settings.period;
        for due in due_times(period, self.phase, self.crowd.now()) {
            tokio::select! {
                () = sleep_until(self.crowd.at(due).into()) => self.say(talk, names, due).await,
                () = &mut over => return,
                () = &mut gone => return,
            }
        }
    }

    /// Says something: to the server, which echoes it, and in a room in turns. Done once it is handed over: whether there is an
    /// answer to it holds up nothing that is due later.
    async fn say(&mut self, talk: &mut Talk<'_>, names: &[String], due: Duration) {
        let draw = self.random.next();
        let room = usize::try_from(draw >> 1).ok().and_then(|draw| names.get(draw % names.len().max(1)));
        match room.filter(|_| draw & 1 == 0) {
            Some(room) => self.publish(talk, room, due).await,
            None => self.send(talk, due).await,
        }
        let crowd = &self.crowd;
        crowd.totals().lag.record(nanoseconds(crowd.now().saturating_sub(due)));
    }

    async fn send(&self, talk: &Talk<'_>, due: Duration) {
        let crowd = &self.crowd;
        let number = locked(&self.echoes).send();
        crowd.totals().echoes += 1;
        let text = Said { by: &self.by, number, due }.text(crowd.settings.size);
        tokio::select! {
            // A client that is closed says so by its last event.
            _closed = talk.sender.send(text) => {}
            // Its queue is full: what isn't sent does not come back, and is missing.
            () = talk.turn.give_up(talk.going.clone(), crowd.settings.drain_timeout) => {}
        }
    }

    async fn publish(&self, talk: &mut Talk<'_>, room: &str, due: Duration) {
        make_room(&mut talk.answers).await;
        let number = {
            let mut totals = self.crowd.totals();
            totals.publications += 1;
            totals.publications - 1
        };
        let said = Said { by: &self.by, number, due };
        let publishing = Publishing {
            crowd: Arc::clone(&self.crowd),
            turn: Arc::clone(&talk.turn),
            sender: talk.sender.clone(),
            going: talk.going.clone(),
            guest: (self.number, Arc::clone(&self.by)),
            room: room.to_owned(),
        };
        talk.answers.spawn(publishing.publish(said.id(), said.text(self.crowd.settings.size)));
    }

    /// What was sent comes back, or not within the time that there is.
    async fn wait_for_echoes(&self) {
        let deadline = Instant::now() + self.crowd.settings.drain_timeout;
        while !locked(&self.echoes).are_back() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// One client's talk in one turn.
struct Talk<'a> {
    turn: Arc<Turn>,
    sender: &'a Sender,
    going: watch::Receiver<bool>,
    /// Publications that are not answered yet.
    answers: JoinSet<()>,
}

/// Waits until another publication may be under way, and lets go of those that are answered.
async fn make_room(answers: &mut JoinSet<()>) {
    while answers.len() >= MAX_UNANSWERED && answers.join_next().await.is_some() {}
    while answers.try_join_next().is_some() {}
}

/// A publication under way.
struct Publishing {
    crowd: Arc<Crowd>,
    turn: Arc<Turn>,
    sender: Sender,
    going: watch::Receiver<bool>,
    /// Whose it is: the client's number and its name.
    guest: (usize, Arc<str>),
    room: String,
}

impl Publishing {
    /// Publishes, and waits for the answer until that is given up.
    async fn publish(self, id: String, text: String) {
        let Self { crowd, turn, sender, going, guest: (number, by), room } = self;
        let asked = crowd.now();
        turn.ask(asked, &by, &room, &id);
        let publication = Publication::new(text).idempotency_key(&id);
        let answered = tokio::select! {
            answered = sender.publish(&room, publication) => answered,
            () = turn.give_up(going, crowd.settings.drain_timeout) => {
                crowd.totals().close(number, format!("{by} got no answer to what it published in {room}"));
                Err(RequestError::Unknown)
            }
        };
        let place = match answered {
            Ok(published) => Some(published.position),
            Err(RequestError::Failed { reason, text }) => {
                crowd.totals().close(number, format!("{by} can't publish in {room}: {reason} {text}"));
                None
            }
            // The session was lost before the answer came: whether it was published is unknown.
            Err(_) => None,
        };
        turn.answer(crowd.now(), (&by, &room, &id), asked, place);
    }
}

/// Takes a client's own events.
struct Listener {
    crowd: Arc<Crowd>,
    number: usize,
    by: Arc<str>,
    echoes: Arc<Mutex<Echoes>>,
    /// Since when nothing carries it, though something did.
    away: Option<Duration>,
    carried_by: Option<bowline_client::Transport>,
}

/// Takes events until the client is closed.
async fn listen(mut listener: Listener, mut client: Client, leaving: Going) {
    while let Some(event) = client.next().await {
        if let Event::Closed(why) = event {
            listener.close(&why, *leaving.0.borrow());
        } else {
            listener.take(event);
        }
    }
}

impl Listener {
    fn take(&mut self, event: Event) {
        let now = self.crowd.now();
        let mut totals = self.crowd.totals();
        match event {
            Event::Message(message) => {
                let due = locked(&self.echoes).take(&self.by, message.as_text().unwrap_or_default());
                if let Some(due) = due {
                    totals.serve(self.number, due, now);
                }
            }
            Event::Connected { transport } => {
                match self.away.take() {
                    Some(away) => {
                        totals.reconnects.record(nanoseconds(now.saturating_sub(away)));
                        totals.herd.add(now);
                        totals.last_back = Some(now);
                    }
                    None => totals.comings += 1,
                }
                totals.switches += u64::from(self.carried_by.is_some_and(|before| before != transport));
                self.carried_by = Some(transport);
                drop(totals);
                self.crowd.carry(true);
            }
            Event::TransportChanged { to, .. } => {
                (self.carried_by, totals.switches) = (Some(to), totals.switches + 1);
            }
            Event::Resumed { replayed } => {
                (totals.resumes, totals.replayed) = (totals.resumes + 1, totals.replayed + replayed);
            }
            Event::SessionLost => {
                totals.lost += 1;
                locked(&self.echoes).lost();
            }
            Event::Disconnected { .. } if self.carried_by.is_some() && self.away.is_none() => {
                (self.away, totals.disconnects) = (Some(now), totals.disconnects + 1);
                drop(totals);
                self.crowd.carry(false);
            }
            _ => {}
        }
    }

    fn close(&self, why: &Closed, leaving: bool) {
        if self.carried_by.is_some() && self.away.is_none() {
            self.crowd.carry(false);
        }
        match why {
            // One that was told to go before it was there has not come either.
            Closed::ByClient { .. } if leaving => self.crowd.totals().goings += u64::from(self.carried_by.is_some()),
            why if self.carried_by.is_none() => {
                self.crowd.totals().close(self.number, format!("{} could not come: {why}", self.by));
                self.crowd.refuse(why.to_string());
            }
            why => self.crowd.totals().close(self.number, format!("{} was closed: {why}", self.by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_publications_wait_for_their_answer_and_no_more() {
        let (answer, mut answers) = (Arc::new(tokio::sync::Semaphore::new(0)), JoinSet::new());
        let ask = |answers: &mut JoinSet<()>| {
            let answer = Arc::clone(&answer);
            answers.spawn(async move { answer.acquire().await.unwrap().forget() });
        };
        for _ in 0..MAX_UNANSWERED {
            assert!(has_room(&mut answers).await, "{}", answers.len());
            ask(&mut answers);
        }
        assert!(!has_room(&mut answers).await);
        answer.add_permits(1);
        make_room(&mut answers).await;
        assert_eq!(answers.len(), MAX_UNANSWERED - 1);
        ask(&mut answers);
        assert!(!has_room(&mut answers).await);
    }

    /// Whether there is room without waiting.
    async fn has_room(answers: &mut JoinSet<()>) -> bool {
        tokio::select! {
            biased;
            () = make_room(answers) => true,
            () = std::future::ready(()) => false,
        }
    }
}
