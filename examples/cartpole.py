"""Balance a pole on a cart by reinforcement learning: an actor and a critic, and a gradient after every few episodes.

Source: R. J. Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
1992, with the critic's value as baseline. The environment is gymnasium's CartPole-v1 (`pip install gymnasium`).
"""

import gymnasium
import numpy as np

import ckeras as keras
from ckeras import layers, ops

DISCOUNT, EPISODES, BATCH = 0.99, 600, 4


def build_model():
    state = keras.Input((4,))
    hidden = layers.Dense(64, activation="tanh")(state)
    return keras.Model(state, [layers.Dense(2, name="actor")(hidden), layers.Dense(1, name="critic")(hidden)])


def discounted(rewards):
    """Each step's return: its reward and the discounted ones after it; float32 (steps,)."""
    returns, total = np.zeros(len(rewards), "float32"), 0.0
    for i in reversed(range(len(rewards))):
        total = rewards[i] + DISCOUNT * total
        returns[i] = total
    return returns


class Agent:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.model = build_model()
        self.optimizer = keras.optimizers.Adam(5e-3)

    def act(self, state, greedy=False):
        logits = np.asarray(self.model(state[None].astype("float32"))[0])[0]
        if greedy:
            return int(logits.argmax())
        return int(self.rng.random() < 1 / (1 + np.exp(logits[0] - logits[1])))

    def play(self, environment, seed, greedy=False):
        """One episode. Returns (states, actions, rewards)."""
        state, _ = environment.reset(seed=seed)
        states, actions, rewards, over = [], [], [], False
        while not over:
            action = self.act(state, greedy)
            states.append(state)
            actions.append(action)
            state, reward, ended, stopped, _ = environment.step(action)
            rewards.append(reward)
            over = ended or stopped
        return np.array(states, "float32"), np.array(actions, "int32"), rewards

    def learn(self, states, actions, returns):
        returns = returns / 50.0
        with keras.GradientTape() as tape:
            logits, values = self.model(states)
            advantage = ops.stop_gradient(returns - values[:, 0])
            advantage = advantage / (ops.std(advantage) + 1e-6)
            chosen = keras.losses.sparse_categorical_crossentropy(actions, logits, from_logits=True)
            loss = ops.mean(chosen * advantage) + ops.mean(ops.square(returns - values[:, 0]))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply(gradients, self.model.trainable_variables)


def main():
    keras.utils.set_random_seed(8)
    environment = gymnasium.make("CartPole-v1")
    agent, lengths = Agent(seed=8), []
    for first in range(0, EPISODES, BATCH):
        games = [agent.play(environment, seed=first + i) for i in range(BATCH)]
        agent.learn(
            np.concatenate([states for states, _, _ in games]),
            np.concatenate([actions for _, actions, _ in games]),
            np.concatenate([discounted(rewards) for _, _, rewards in games]),
        )
        lengths += [len(rewards) for _, _, rewards in games]
        if first % 40 == 0:
            print(f"episode {first:4d}: {np.mean(lengths[-40:]):.0f} steps")
        if np.mean(lengths[-20:]) > 400:
            break
    steps = float(np.mean([len(agent.play(environment, 10_000 + i, greedy=True)[2]) for i in range(10)]))
    print(f"episodes played {len(lengths)}")
    print(f"steps balanced {steps:.0f} of 500")
    return steps


if __name__ == "__main__":
    main()
