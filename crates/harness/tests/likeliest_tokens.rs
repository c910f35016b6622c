//! What a chat server shows of its own answers, beside a baseline in process.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::testing::{Script, ScriptedEngine};
use infercost_core::{
    Engine, IdleRecord, InferenceRecord, Likeliest, LoadRecord, Message, Prompt, PromptBody, RecordSink,
    Role, Sampling, Scored, SinkError, UnavailableMeter, VariantId, WindowId, WindowRecord,
};
use infercost_harness::machine_watch::MachineWatch;
use infercost_harness::{Completed, Plan, Prepared, run};
use infercost_openai_mock::{Reply, StandIn, StreamScript};
use infercost_served::{ServedModel, ServedOptions};
use serde_json::{Value, json};

/// The numbers of the chosen and of the listed tokens at each position, or why there are none.
type Shown = Result<Vec<(Option<u32>, Vec<Option<u32>>)>, String>;

/// Keeps what the second variant showed.
#[derive(Default)]
struct Kept(Option<Shown>);

impl RecordSink for Kept {
    fn load(&mut self, _: &LoadRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn idle(&mut self, _: &IdleRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn inference(&mut self, _: &WindowId, _: &Prompt, _: &InferenceRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn under_load(&mut self, _: &WindowId, _: &[InferenceRecord]) -> Result<(), SinkError> {
        Ok(())
    }

    fn window(&mut self, _: &WindowRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn scored(&mut self, scored: Scored<'_>) -> Result<(), SinkError> {
        if let Some(found) = scored.likeliest {
            self.0 = Some(match found {
                Ok(Likeliest::OfOwn(positions)) => Ok(positions
                    .into_iter()
                    .map(|one| (one.target.id, one.top.into_iter().map(|(name, _)| name.id).collect()))
                    .collect()),
                Ok(Likeliest::OfGiven(_)) => Err("the baseline's answer was scored".to_owned()),
                Err(unscored) => Err(unscored.reason),
            });
        }
        Ok(())
    }
}

/// One position: the token that was chosen is the first.
fn position(tokens: &[&str]) -> Value {
    let named = |token: &&str| json!({"token": token, "bytes": token.as_bytes(), "logprob": -0.5});
    let mut position = named(&tokens[0]);
    position["top_logprobs"] = tokens.iter().map(named).collect();
    position
}

/// What a chat server shows that answers whoever asks for log-probabilities with these positions.
fn shown(positions: &[Value]) -> Shown {
    let told = Reply::json(&json!({"choices": [{"logprobs": {"content": positions}}]}).to_string());
    let (answer, none) = (StreamScript::default().reply(), Reply::not_found());
    let server = StandIn::start(move |asked| match asked.path {
        "/v1/models" => Reply::json(r#"{"object":"list","data":[{"id":"m"}]}"#),
        "/v1/chat/completions" if asked.body.contains("top_logprobs") => told.clone(),
        "/v1/chat/completions" => answer.clone(),
        _ => none.clone(),
    })
    .unwrap();

    let options = ServedOptions { no_trial: true, ..ServedOptions::default() };
    let served = ServedModel::connect(&format!("{}#m", server.base()).parse().unwrap(), &options).unwrap();
    let baseline = ScriptedEngine::new(Script { certainty: 0.5, ..Script::default() });
    let engines: Vec<(VariantId, Box<dyn Engine>)> =
        vec![("baseline".into(), Box::new(baseline)), ("served".into(), Box::new(served))];
    let prompt = Prompt {
        id: "p".into(),
        body: PromptBody::Chat(vec![Message { role: Role::User, content: "?".into() }].into()),
        grader: None,
        max_tokens: 8,
        tags: Vec::new(),
    };

    let plan = Plan {
        prompts: vec![prompt],
        repetitions: 1,
        warm_ups: 0,
        window_prompts: 1,
        seed: 1,
        sampling: Sampling::default(),
        idle_time: Duration::ZERO,
        unmetered: HashMap::new(),
        watch: MachineWatch::default(),
        max_remeasure: Some(0),
        load: None,
        completed: Completed::default(),
    };

    let mut kept = Kept::default();
    let prepared = Prepared { engines, loads: Vec::new(), idle_before: None };
    run(prepared, &plan, &mut UnavailableMeter::new("none"), &mut kept, &AtomicBool::new(false)).unwrap();
    kept.0.unwrap()
}

#[test]
fn own_answers_get_the_baselines_numbers() {
    let [o, k, x] = [b'o', b'k', b'x'].map(|byte| Some(u32::from(byte)));
    // the scripted baseline answers `ok` and has a token for each byte
    let found = shown(&[position(&["o", "x", "no token"]), position(&["k", "o"])]).unwrap();
    assert_eq!(found, [(o, vec![o, x]), (k, vec![k, o])]);
    // nothing can be said behind a token that the baseline does not have
    assert_eq!(shown(&[position(&["o"]), position(&["no token", "k"]), position(&["k"])]).unwrap().len(), 1);
    assert!(shown(&[position(&["no token"])]).unwrap().is_empty());
}

#[test]
fn a_server_that_shows_nothing_says_why() {
    let reason = shown(&[]).unwrap_err();
    assert!(reason.contains("it ignores `logprobs`"), "{reason}");
    assert!(reason.contains("the chat API scores no given text"), "{reason}");
}
